/** What a visitor sees: the first layer and the settings. Built from a document, without any state of its own. */

import type { BannerDocument, Item, TextKey } from '../contract/banner.ts';
import { button, element, paragraph } from './element.ts';

/** What the layers may do. */
export interface Acts {
  readonly acceptAll: () => void;
  readonly refuseAll: () => void;
  readonly customise: () => void;
  readonly save: () => void;
  readonly withdraw: () => void;
  readonly close: () => void;
  readonly speak: (lang: string) => void;
}

/** The documents' own names of the languages. */
const names: Readonly<Record<string, string>> = { kk: 'Қазақша', ru: 'Русский', en: 'English' };

const action = (name: string, kind: string): Record<string, string> => ({ 'data-kelisim-action': name, class: `k-button ${kind}` });

function texts(doc: BannerDocument): (key: TextKey) => string {
  return (key) => doc.texts[key] ?? '';
}

function languages(doc: BannerDocument, acts: Acts): HTMLElement | false {
  if (doc.langs.length < 2) return false;
  const switches = doc.langs.map((lang) =>
    button(
      names[lang] ?? lang,
      { class: 'k-lang', lang, 'data-kelisim-lang': lang, 'aria-pressed': String(lang === doc.lang) },
      () => acts.speak(lang),
    ),
  );
  return element('div', { class: 'k-langs', role: 'group', 'aria-label': texts(doc)('language') }, ...switches);
}

function policyLink(doc: BannerDocument, base: string): HTMLElement {
  return element('a', { class: 'k-link', href: base + doc.policy_url, target: '_blank', rel: 'noopener' }, texts(doc)('policy'));
}

function notes(doc: BannerDocument, gpc: boolean): (HTMLElement | undefined)[] {
  const text = texts(doc);
  return [paragraph(text('reason_note'), { class: 'k-note' }), paragraph(gpc ? text('gpc_note') : '', { class: 'k-note' })];
}

/** The first layer: what is asked, by whom, for what, and two equal answers. */
export function firstLayer(doc: BannerDocument, base: string, gpc: boolean, acts: Acts): HTMLElement {
  const text = texts(doc);
  const titles = doc.purposes.map(({ title }) => element('li', {}, title));
  return element(
    'div',
    { class: 'k-card k-bar' },
    element(
      'div',
      { class: 'k-scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'kelisim-title' },
      languages(doc, acts),
      element('h2', { id: 'kelisim-title', class: 'k-title' }, text('title')),
      ...notes(doc, gpc),
      paragraph(text('intro')),
      element('ul', { class: 'k-chips' }, ...titles),
      element('p', { class: 'k-small' }, `${text('nothing_stored')} ${text('change_any_time')} `, policyLink(doc, base)),
    ),
    element(
      'div',
      { class: 'k-actions' },
      button(text('refuse_all'), action('refuse-all', 'k-solid'), acts.refuseAll),
      button(text('accept_all'), action('accept-all', 'k-solid'), acts.acceptAll),
      button(text('customise'), { ...action('customise', 'k-plain k-wide'), 'aria-haspopup': 'dialog' }, acts.customise),
    ),
  );
}

function facts(rows: readonly (readonly [string, string])[]): HTMLElement {
  const cells = rows.filter(([, value]) => value).map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value)));
  return element('dl', { class: 'k-facts' }, ...cells);
}

function toggle(doc: BannerDocument, item: Item, choices: Record<string, boolean>): HTMLElement {
  const text = texts(doc);
  const id = `kelisim-${item.id}`;
  const box = element('input', { type: 'checkbox', id, class: 'k-switch', 'data-kelisim-item': item.id, 'aria-describedby': `${id}-says` });
  const word = element('span', { class: 'k-word', 'aria-hidden': 'true' });
  const show = (): void => {
    word.textContent = text(box.checked ? 'on' : 'off');
  };
  box.checked = choices[item.id] === true;
  box.onchange = () => {
    choices[item.id] = box.checked;
    show();
  };
  show();
  return element(
    'section',
    { class: 'k-item' },
    element('label', { class: 'k-row', for: id }, element('span', { class: 'k-name' }, item.title), element('span', { class: 'k-end' }, word, box)),
    paragraph(item.text),
    element('p', { class: 'k-says', id: `${id}-says` }, item.statement),
    facts([
      [text('data_title'), item.data.join('; ')],
      [text('retention_title'), item.retention],
    ]),
  );
}

function necessary(doc: BannerDocument): HTMLElement | false {
  const text = texts(doc);
  return (
    !!text('necessary_title') &&
    element(
      'section',
      { class: 'k-item' },
      element('div', { class: 'k-row' }, element('span', { class: 'k-name' }, text('necessary_title')), element('span', { class: 'k-word' }, text('always_on'))),
      paragraph(text('necessary_text')),
    )
  );
}

function titled(title: string, ...content: HTMLElement[]): HTMLElement | false {
  return content.length > 0 && element('section', { class: 'k-part' }, element('h3', { class: 'k-subtitle' }, title), ...content);
}

/** The contents of the settings: every item apart, and all that the law wants said. */
export function settings(
  doc: BannerDocument,
  base: string,
  gpc: boolean,
  choices: Record<string, boolean>,
  given: boolean,
  acts: Acts,
): HTMLElement {
  const text = texts(doc);
  const recipients = doc.recipients.map(({ name, country, purposes }) =>
    element('li', {}, element('b', {}, name), ` · ${country}`, purposes.length > 0 && ` · ${purposes.join(', ')}`),
  );
  return element(
    'div',
    { class: 'k-form' },
    element(
      'div',
      { class: 'k-head' },
      element('h2', { id: 'kelisim-settings', class: 'k-title', tabindex: '-1', autofocus: '' }, text('settings')),
      button('', { class: 'k-close', 'aria-label': text('close'), title: text('close') }, acts.close),
    ),
    element(
      'div',
      { class: 'k-scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'kelisim-settings' },
      languages(doc, acts),
      ...notes(doc, gpc),
      titled(text('why_title'), element('p', {}, text('why_law'))),
      necessary(doc),
      ...doc.purposes.map((item) => toggle(doc, item, choices)),
      recipients.length > 0 && titled(text('recipients_title'), element('ul', { class: 'k-list' }, ...recipients)),
      titled(text('terms_title'), facts(doc.terms.map(({ label, value }) => [label, value] as const))),
      element('p', {}, policyLink(doc, base)),
    ),
    element(
      'div',
      { class: 'k-actions' },
      given && button(text('withdraw'), action('withdraw', 'k-solid'), acts.withdraw),
      button(text('save'), action('save', `k-solid${given ? '' : ' k-wide'}`), acts.save),
      button(text('cancel'), { class: 'k-button k-plain k-wide', 'data-kelisim-action': 'cancel' }, acts.close),
    ),
  );
}
