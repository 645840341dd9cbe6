/** A word to the visitor: saved, not saved yet. */

import { button, element } from './element.ts';

/** Where words appear. */
export interface Toast {
  readonly card: HTMLElement;
  /** Says a text until it is old, or, with a way to try again, until something else is said. An empty one says nothing. */
  readonly say: (text: string, retry?: { readonly label: string; readonly act: () => void }) => void;
}

const lingering = 6e3; // milliseconds that a confirmation stays
const notice = 50; // milliseconds before a text goes into its place: readers announce what changes in a place they know

/** A place for words, out of sight. @param changed is called when it comes or goes */
export function toast(changed: () => void): Toast {
  const status = element('p', { role: 'status' });
  const again = element('div');
  const card = element('div', { class: 'k-card k-toast', hidden: '' }, status, again);
  let timers: ReturnType<typeof setTimeout>[] = [];
  const say: Toast['say'] = (text, retry) => {
    timers.forEach(clearTimeout);
    timers = [];
    card.hidden = !text;
    status.textContent = '';
    again.replaceChildren(...(retry ? [button(retry.label, { class: 'k-button k-plain' }, retry.act)] : []));
    if (text) timers.push(setTimeout(() => (status.textContent = text), notice));
    if (text && !retry) timers.push(setTimeout(() => say(''), lingering));
    changed();
  };
  return { card, say };
}
