/** Style sheets of the banner. */

import type { Host } from '../contract/boot.ts';

/** Loads a style sheet of the collector, or takes the one that came along; waits for it, or for its failure. */
export function loadStyle(name: string, { base }: Host, root?: HTMLElement): Promise<unknown> {
  if (STYLE && name === 'banner' && adopt(STYLE, root!)) return Promise.resolve();
  return new Promise((ready) => {
    const { h, i } = window.kelisimBoot!;
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = `${base}a/${h}/${name}.css`;
    if (i) {
      link.crossOrigin = ''; // of another origin nothing else can be checked
      link.integrity = i[`${name}.css`]!;
    }
    link.onload = link.onerror = ready;
    document.head.append(link);
  });
}

/**
 * Puts a style sheet in force, and again where the page puts others in its place: an
 * element that loses its look changes its size. False where the browser is too old for that.
 */
export function adopt(style: string, root: HTMLElement): boolean {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    const wear = (): void => {
      if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    };
    wear();
    new ResizeObserver(() => requestAnimationFrame(wear)).observe(root); // at once would be an error of the page
    return true;
  } catch {
    return false;
  }
}
