/**
 * Google Consent Mode v2, basic mode: everything is denied before any Google tag
 * runs, and updated once for each choice. The tags themselves wait in the page as
 * other tags do.
 *
 *   <script src="/kelisim/adapters/google.js"></script>
 *
 * Options on the tag, each with the purposes that grant the key: data-ad-storage,
 * data-ad-user-data, data-ad-personalization (all "marketing"),
 * data-analytics-storage ("analytics"), data-functionality-storage,
 * data-personalization-storage, data-security-storage (none). data-wait is
 * wait_for_update in milliseconds (500); data-region="KZ,RU" bounds the defaults;
 * data-redact="false" switches ads_data_redaction off; data-passthrough switches
 * url_passthrough on.
 */

import { follow, options, type Permits } from './follow.ts';

type Layer = { push(entry: IArguments): void };

const o = options();
const purposes: Readonly<Record<string, string>> = {
  ad_storage: o['adStorage'] ?? 'marketing',
  ad_user_data: o['adUserData'] ?? 'marketing',
  ad_personalization: o['adPersonalization'] ?? 'marketing',
  analytics_storage: o['analyticsStorage'] ?? 'analytics',
  functionality_storage: o['functionalityStorage'] ?? '',
  personalization_storage: o['personalizationStorage'] ?? '',
  security_storage: o['securityStorage'] ?? '',
};
const layer = ((window as unknown as { dataLayer?: Layer }).dataLayer ??= [] as unknown as Layer);

// Google's tags take an arguments object and nothing else for a command.
function gtag(..._: unknown[]): void {
  layer.push(arguments);
}

const keys = (permits: Permits): Record<string, string> =>
  Object.fromEntries(Object.entries(purposes).map(([key, needed]) => [key, permits(needed) ? 'granted' : 'denied']));

gtag('consent', 'default', {
  ...keys(() => false),
  wait_for_update: Number(o['wait'] ?? 500),
  ...(o['region'] && { region: o['region'].split(/[\s,]+/) }),
});
gtag('set', 'ads_data_redaction', o['redact'] !== 'false');
gtag('set', 'url_passthrough', o['passthrough'] !== undefined && o['passthrough'] !== 'false');
follow((permits) => gtag('consent', 'update', keys(permits)));
