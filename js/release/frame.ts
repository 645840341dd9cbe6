/** What stands in the place of a frame until it may load. */

import { button, element } from '../banner/element.ts';
import type { FrameTexts } from './texts.ts';

/** What the visitor can do there. */
export interface FrameActs {
  readonly once: () => void;
  readonly always: () => void;
}

/** Pixels; a smaller frame is nothing to look at, and has no room for words. */
export const smallest = 80;

/** The address that a frame waits for, as a person knows it. */
function hostOf(address: string): string {
  try {
    return new URL(address, document.baseURI).host;
  } catch {
    return '';
  }
}

const boxLook =
  'all:revert;box-sizing:border-box;overflow:auto;border:1px solid;font:16px/1.4 sans-serif;text-align:center;color:CanvasText;background:Canvas;max-width:100%';
const innerLook =
  'all:revert;box-sizing:border-box;display:flex;flex-flow:column;align-items:center;justify-content:safe center;gap:8px;padding:8px;min-height:100%';
const rowLook = 'all:revert;display:flex;flex-wrap:wrap;justify-content:center;gap:8px';
const buttonLook = 'all:revert;font:inherit;min-height:44px;padding:8px 16px;cursor:pointer';

function styled<E extends HTMLElement>(made: E, style: string): E {
  made.style.cssText = style;
  return made;
}

/**
 * Puts words and two buttons in the place of a frame, of the same size, so that
 * nothing on the page moves.
 * @returns what puts the frame back
 */
export function cover(frame: HTMLElement, address: string, lang: string, texts: FrameTexts, acts: FrameActs): () => void {
  const { width, height } = frame.getBoundingClientRect();
  const { display, aspectRatio, margin } = getComputedStyle(frame);
  const wide = width + 1 > frame.parentElement!.clientWidth;
  const { title } = frame;
  const host = hostOf(address);
  const act = (label: string, name: string, does: () => void): HTMLElement =>
    styled(button(label, { 'data-kelisim-action': name }, does), buttonLook);
  const words = element('p', {}, ...(title ? [element('b', {}, title), element('br')] : []), texts.from.replace('{host}', host));
  const row = element('div', {}, act(texts.once, 'allow-once', acts.once), act(texts.always, 'allow-always', acts.always));
  row.lastElementChild!.setAttribute('aria-haspopup', 'dialog');
  const inner = element('div', {}, styled(words, 'all:revert;margin:0;overflow-wrap:anywhere'), styled(row, rowLook));
  const box = styled(
    element('div', { class: 'kelisim-frame', role: 'group', lang, 'aria-label': title || host }, styled(inner, innerLook)),
    // A box that scrolls stands on the line as a frame does.
    `${boxLook};display:${/inline/.test(display) ? 'inline-block' : 'block'};margin:${margin};width:${wide ? '100%' : `${width}px`};` +
      (aspectRatio === 'auto' ? `height:${height}px` : `aspect-ratio:${aspectRatio}`),
  );
  const before = frame.style.display;
  frame.style.setProperty('display', 'none', 'important');
  frame.before(box);
  return () => {
    box.remove();
    frame.style.display = before;
  };
}
