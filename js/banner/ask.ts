/** Asks the collector what to ask the visitor. */

import { readBanner, type FirstDocument } from '../contract/banner.ts';
import type { Host } from '../contract/boot.ts';
import { own } from '../contract/own.ts';

/**
 * The document in a language, or in the nearest that the site has; undefined when
 * the collector is away.
 * @param more of the query: again=1 says that the visitor already sees a banner, and that it is not another one
 * shown; layer=1 asks only for what the first layer shows
 */
export async function ask(host: Host, lang: string, more: string): Promise<FirstDocument | undefined> {
  const { base, script, log } = host;
  const query = `site=${encodeURIComponent(script.dataset['site']!)}&lang=${lang}${more}${OWN ? stateOf(host) : ''}`;
  try {
    const answer = await fetch(`${base}v1/banner?${query}`, { credentials: OWN ? 'omit' : 'include' });
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
 * The document that the loader brought along, once, where it is in the language;
 * the collector hears that it was shown.
 */
export function brought({ base, script, log }: Host, lang: string): FirstDocument | undefined {
  const { d = {} } = window.kelisimBoot!;
  const site = script.dataset['site']!;
  const doc = readBanner(d[site]);
  if (doc?.lang !== lang) return;
  delete d[site];
  const count = (): unknown => fetch(`${base}v1/banner?site=${encodeURIComponent(site)}&lang=${lang}&layer=0`).catch((error: unknown) => log('not counted', error));
  setTimeout(count, 99); // it is to be seen first
  return doc;
}
