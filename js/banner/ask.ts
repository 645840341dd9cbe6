/** Asks the collector what to ask the visitor. */

import { readBanner, type FirstDocument } from '../contract/banner.ts';
import type { Host } from '../contract/boot.ts';
import { own } from '../contract/own.ts';
import { firstOf } from './language.ts';

/**
 * The document in a language, without one in that of our tag or of the page or, where
 * the site has neither, of the browser; undefined when the collector is away.
 * @param more of the query: again=1 says that the visitor already sees a banner, and that it is not another one
 * shown; layer=1 asks only for what the first layer shows; layer=0 asks for nothing, it tells that one is shown
 */
export async function ask(host: Host, lang: string | undefined, more: string): Promise<FirstDocument | undefined> {
  const { base, script, log } = host;
  const query = `site=${script.dataset['site']!}&lang=${lang ?? [script.dataset['lang'], document.documentElement.lang]}${more}${OWN ? stateOf(host) : ''}`;
  try {
    const answer = await fetch(`${base}v1/banner?${query}`, { credentials: OWN ? 'omit' : 'include' });
    if (STYLE && answer.status === 204) return; // it was told, not asked
    const read = readBanner(await answer.json());
    if (!read) throw answer.status;
    return read;
  } catch (error) {
    return void log('not asked', error);
  }
}

/** In mode cross-origin the collector sees no cookie: it is told the state, which holds no id. */
const stateOf = (host: Host): string => {
  const state = own(host, 'state');
  return state ? `&state=${encodeURIComponent(state)}` : '';
};

/**
 * The document that the loader brought along, once, where it is in the page's
 * language; the collector hears that it was shown.
 */
export function brought(host: Host): FirstDocument | undefined {
  const { site, lang } = host.script.dataset;
  const { d = {} } = window.kelisimBoot!;
  const doc = readBanner(d[site!]);
  if (!doc || doc.lang !== firstOf(lang, doc.langs)) return;
  delete d[site!];
  setTimeout(() => ask(host, doc.lang, '&layer=0'), 300); // it is to be seen first
  return doc;
}
