/** Which language to speak. */

/** A language tag without its region; "kz", the country's code, is often written for Kazakh. */
export function primary(tag: string): string {
  return tag.toLowerCase().replace(/[-_].*/, '').replace('kz', 'kk');
}

/** The first wanted language that is offered, or the first offered. */
export function chooseLanguage(wanted: readonly string[], offered: readonly string[]): string {
  return wanted.map(primary).find((tag) => offered.includes(tag)) ?? offered[0]!;
}

/** As chooseLanguage, wanting in this order: the script tag's, the page's, the browser's. */
export function firstOf(asked: string | undefined, offered: readonly string[]): string {
  return chooseLanguage([asked ?? '', document.documentElement.lang, ...navigator.languages], offered);
}
