/** Style sheets of the banner. */

import type { Host } from '../contract/boot.ts';

/** Loads a style sheet of the collector, or takes the one that came along; waits for it, or for its failure. */
export function loadStyle(name: string, { base }: Host): Promise<unknown> {
  if (STYLE && name === 'banner' && adopt(STYLE)) return Promise.resolve();
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

/** Puts a style sheet in force; false where the browser is too old for that. */
export function adopt(style: string): boolean {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    return true;
  } catch {
    return false;
  }
}
