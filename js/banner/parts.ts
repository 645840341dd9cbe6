/** Parts that both layers have. */

import type { FirstDocument } from '../contract/banner.ts';
import type { Acts } from './acts.ts';
import { button, element, paragraph } from './element.ts';

/** The documents' own names of the languages. */
const names: Readonly<Record<string, string>> = { kk: 'Қазақша', ru: 'Русский', en: 'English' };

export const action = (name: string, kind: string): Record<string, string> => ({ 'data-kelisim-action': name, class: `k-button ${kind}` });

export function languages(doc: FirstDocument, acts: Acts): HTMLElement | false {
  if (doc.langs.length < 2) return false;
  const switches = doc.langs.map((lang) =>
    button(
      names[lang] ?? lang,
      { class: 'k-lang', lang, 'data-kelisim-lang': lang, 'aria-pressed': String(lang === doc.lang) },
      () => acts.speak(lang),
    ),
  );
  return element('div', { class: 'k-langs', role: 'group', 'aria-label': doc.texts.language }, ...switches);
}

export function policyLink(doc: FirstDocument, base: string): HTMLElement {
  return element('a', { class: 'k-link', href: base + doc.policy_url, target: '_blank', rel: 'noopener' }, doc.texts.policy);
}

export function notes(doc: FirstDocument, gpc: boolean): (HTMLElement | undefined)[] {
  const { texts } = doc;
  return [paragraph(texts.reason_note, { class: 'k-note' }), paragraph(gpc ? texts.gpc_note : '', { class: 'k-note' })];
}

