/** What a visitor sees first, without any state of its own. */

import type { FirstDocument } from '../contract/banner.ts';
import type { Acts } from './acts.ts';
import { button, element, paragraph } from './element.ts';
import { action, languages, notes, policyLink } from './parts.ts';

/** The first layer: what is asked, by whom, for what, and two equal answers. */
export function firstLayer(doc: FirstDocument, base: string, gpc: boolean, acts: Acts): HTMLElement {
  const { texts } = doc;
  const titles = doc.purposes.map(({ title }) => element('li', {}, title));
  const customise = button(texts.customise, { ...action('customise', 'k-plain k-wide'), 'aria-haspopup': 'dialog' }, acts.customise);
  customise.onpointerenter = customise.onfocus = acts.prepare;
  return element(
    'div',
    { class: 'k-card k-bar' },
    element(
      'div',
      { class: 'k-scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'kelisim-title' },
      languages(doc, acts),
      element('h2', { id: 'kelisim-title', class: 'k-title' }, texts.title),
      ...notes(doc, gpc),
      paragraph(texts.intro),
      element('ul', { class: 'k-chips' }, ...titles),
      element('p', { class: 'k-small' }, texts.nothing_stored, ' ', texts.change_any_time, ' ', policyLink(doc, base)),
    ),
    element(
      'div',
      { class: 'k-actions' },
      ...(['refuse_all', 'accept_all'] as const).map((key) => button(texts[key], action(key.replace('_', '-'), 'k-solid'), () => acts.decide(key))),
      customise,
    ),
  );
}
