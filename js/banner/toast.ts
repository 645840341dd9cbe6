/** A word to the visitor: saved, not saved yet. */

import { button, element } from './element.ts';

/** Where words appear. */
export interface Toast {
  readonly card: HTMLElement;
  /** Says a text until it is old, or, with a way to try again and its name, until something else is said. An empty one says nothing. */
  readonly say: (text: string, retry?: () => void, name?: string) => void;
}

/** A place for words, out of sight. @param changed is called when it comes or goes */
export function toast(changed: () => void): Toast {
  const lingering = 6e3; // milliseconds that a confirmation stays
  const notice = 50; // milliseconds before a text goes into its place: readers announce what changes in a place they know
  const status = element('p', { role: 'status' });
  const again = element('div');
  const card = element('div', { class: 'k-card k-toast', hidden: '' }, status, again);
  let timers: (ReturnType<typeof setTimeout> | 0)[] = [];
  const say: Toast['say'] = (text, retry, name = '') => {
    timers.forEach(clearTimeout);
    card.hidden = !text;
    status.textContent = '';
    const held = again.contains(document.activeElement);
    again.replaceChildren(...(retry ? [button(name, { class: 'k-button k-plain' }, retry)] : []));
    if (held) again.querySelector('button')?.focus();
    timers = text ? [setTimeout(() => (status.textContent = text), notice), retry ? 0 : setTimeout(() => say(''), lingering)] : [];
    changed();
  };
  return { card, say };
}
