/**
 * The rival as its own guide sets it up, in one file: bundled with its settings and
 * minified, which saves it the round trip that an imported module costs. It says
 * and asks what the demo's banner says and asks.
 */

import * as CookieConsent from 'vanilla-cookieconsent';

void CookieConsent.run({
  hideFromBots: false, // a driven browser is one
  guiOptions: { consentModal: { layout: 'bar', position: 'bottom', equalWeightButtons: true } },
  categories: { necessary: { enabled: true, readOnly: true }, analytics: {}, marketing: {}, third_party: {} },
  language: {
    default: 'en',
    translations: {
      en: {
        consentModal: {
          title: 'We ask for your consent',
          description:
            'If you consent, Example LLP will collect and process personal data about how you use this site to improve the service (site statistics), and also for advertising and marketing. Until you choose, nothing is stored and nothing is sent. You can change your choice at any time.',
          acceptAllBtn: 'Accept all',
          acceptNecessaryBtn: 'Refuse all',
          showPreferencesBtn: 'Customise',
          footer: '<a href="/privacy">Privacy policy</a>',
        },
        preferencesModal: {
          title: 'Privacy settings',
          acceptAllBtn: 'Accept all',
          acceptNecessaryBtn: 'Refuse all',
          savePreferencesBtn: 'Save choice',
          closeIconLabel: 'Close',
          sections: [
            { title: 'Necessary', description: 'A mark of your choice is stored so that you are not asked again.', linkedCategory: 'necessary' },
            {
              title: 'Improving the service (site statistics)',
              description:
                'We record which pages are opened, where visitors come from and what devices they use. The results are shown only as totals. I consent to the collection and processing of my personal data to improve the service (site statistics).',
              linkedCategory: 'analytics',
            },
            {
              title: 'Advertising and marketing',
              description:
                'We record which advertising campaign brought you here and turn on the advertising tools of the recipients named below. I consent to the collection and processing of my personal data for advertising and marketing.',
              linkedCategory: 'marketing',
            },
            { title: 'Transfer to third parties', description: 'I consent to the transfer of my personal data to the third parties named.', linkedCategory: 'third_party' },
            { title: 'Operator', description: 'Example LLP, BIN 000000000000, Example street 1, Astana, privacy@example.com. Recipients: Example Ads LLP, Kazakhstan.' },
          ],
        },
      },
    },
  },
});
