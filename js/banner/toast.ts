/** A word to the visitor: saved, not saved yet. */

import { element } from './element.ts';

/** Where words appear. */
export interface Toast {
  readonly card: HTMLElement;
  /** Says a text until it is old, or, with a way to try again and its name, until something else is said. An empty one says nothing. */
  readonly say: (text: string, retry?: () => void, name?: string) => void;
}

/** A place for words, out of sight. @param changed is called when it comes or goes */
export function toast(changed: () => void): Toast {
  const lingering = 4e3; // milliseconds that a confirmation stays
  const reading = 99; // and for each letter
  const notice = 50; // milliseconds before a text goes into its place: readers announce what changes in a place they know
  const status = element('p', { role: 'status' });
  const again = element('button', { type: 'button', class: 'k-button k-plain', hidden: '' });
  const card = element('div', { class: 'k-card k-toast', hidden: '' }, status, again);
  let timers: (ReturnType<typeof setTimeout> | 0)[] = [];
  let said = '';
  const say: Toast['say'] = (text, retry, name = '') => {
    const first = again.hidden;
    again.onclick = () => {
      said = ''; // whoever tries again hears how it went
      retry!();
    };
    if (retry && text === said) return;
    said = text;
    timers.forEach(clearTimeout);
    card.hidden = !text;
    status.textContent = '';
    again.hidden = !retry;
    again.textContent = name;
    timers = text ? [setTimeout(() => (status.textContent = text), notice), retry ? 0 : setTimeout(() => say(''), lingering + text.length * reading)] : [];
    changed();
    if (first && document.activeElement === document.body) again.focus(); // what had the keyboard is gone
  };
  return { card, say };
}
