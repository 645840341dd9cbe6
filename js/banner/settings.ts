/** The second layer: the contents of the settings, loaded when they are asked for. */

import type { BannerDocument, Item } from '../contract/banner.ts';
import type { Host } from '../contract/boot.ts';
import type { Acts } from './acts.ts';
import { loadStyle } from './style.ts';
import { button, element, paragraph } from './element.ts';
import { action, languages, notes, policyLink } from './parts.ts';

/** Makes the contents, once their style sheet is there. */
export type Settings = (host: Host) => Promise<typeof settings>;

function facts(rows: readonly (readonly [string, string])[]): HTMLElement {
  const cells = rows.filter(([, value]) => value).map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value)));
  return element('dl', { class: 'k-facts' }, ...cells);
}

function toggle(doc: BannerDocument, item: Item, choices: Record<string, boolean>): HTMLElement {
  const { texts } = doc;
  const id = `kelisim-${item.id}`;
  const box = element('input', { type: 'checkbox', id, class: 'k-switch', 'data-kelisim-item': item.id, 'aria-describedby': `${id}-says` });
  const word = element('span', { class: 'k-word', 'aria-hidden': 'true' });
  const show = (): void => {
    word.textContent = texts[box.checked ? 'on' : 'off'];
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
      [texts.data_title, item.data.join('; ')],
      [texts.retention_title, item.retention],
    ]),
    ...services(doc, item),
  );
}

/** What a purpose turns on in the page, who runs it, and what it keeps in the browser. */
function services(doc: BannerDocument, item: Item): HTMLElement[] {
  const { texts } = doc;
  const each = (item.services ?? []).map(({ name, provider, country, retention, stores }) =>
    facts([
      [name, `${provider} · ${country} · ${retention}`],
      [texts.stores_title, stores.join(', ')],
    ]),
  );
  return each.length > 0 ? [element('p', {}, element('b', {}, texts.services_title)), ...each] : [];
}

function necessary(doc: BannerDocument): HTMLElement | false {
  const { texts } = doc;
  return (
    !!texts.necessary_title &&
    element(
      'section',
      { class: 'k-item' },
      element('div', { class: 'k-row' }, element('span', { class: 'k-name' }, texts.necessary_title), element('span', { class: 'k-word' }, texts.always_on)),
      paragraph(texts.necessary_text),
    )
  );
}

function titled(title: string, ...content: HTMLElement[]): HTMLElement | false {
  return content.length > 0 && element('section', { class: 'k-part' }, element('h3', { class: 'k-subtitle' }, title), ...content);
}

/**
 * The settings: every item apart, and all that the law wants said.
 * @param open the dialog that is open, for other contents, as in another language
 */
function settings(
  doc: BannerDocument,
  base: string,
  gpc: boolean,
  choices: Record<string, boolean>,
  given: boolean,
  acts: Acts,
  open: HTMLDialogElement | undefined,
): HTMLDialogElement {
  const { texts } = doc;
  const recipients = doc.recipients.map(({ name, country, purposes }) =>
    element('li', {}, element('b', {}, name), ` · ${country}`, purposes.length > 0 && ` · ${purposes.join(', ')}`),
  );
  const made = open ?? element('dialog', { class: 'k-dialog', 'aria-labelledby': 'kelisim-settings' });
  made.onclose = acts.close;
  made.onclick = ({ target }) => {
    if (target === made) acts.close();
  };
  const form = element(
    'div',
    { class: 'k-form' },
    element(
      'div',
      { class: 'k-head' },
      element('h2', { id: 'kelisim-settings', class: 'k-title', tabindex: '-1', autofocus: '' }, texts.settings),
      button('', { class: 'k-close', 'aria-label': texts.close, title: texts.close }, acts.close),
    ),
    element(
      'div',
      { class: 'k-scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'kelisim-settings' },
      languages(doc, acts),
      ...notes(doc, gpc),
      titled(texts.why_title, element('p', {}, texts.why_law)),
      necessary(doc),
      ...doc.purposes.map((item) => toggle(doc, item, choices)),
      recipients.length > 0 && titled(texts.recipients_title, element('ul', { class: 'k-list' }, ...recipients)),
      titled(texts.terms_title, facts(doc.terms.map(({ label, value }) => [label, value] as const))),
      element('p', {}, policyLink(doc, base)),
    ),
    element(
      'div',
      { class: 'k-actions' },
      given && button(texts.withdraw, action('withdraw', 'k-solid'), () => acts.decide('withdraw')),
      button(texts.save, action('save', `k-solid${given ? '' : ' k-wide'}`), () => acts.decide('custom')),
      button(texts.cancel, { class: 'k-button k-plain k-wide', 'data-kelisim-action': 'cancel' }, acts.close),
    ),
  );
  made.replaceChildren(form);
  return made;
}

let style: Promise<unknown> | undefined;
window.kelisimBoot!.s = async (host) => {
  await (style ??= loadStyle('settings', host));
  return settings;
};
