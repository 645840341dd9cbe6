/** Page views, also those inside a page, and the engaged time of each. */

import { attention } from './attention.ts';
import type { Outbox, What } from './outbox.ts';
import type { Session } from './session.ts';
import { cleanReferrer, cleanUrl } from './url.ts';

/**
 * Records them until the signal.
 * @param timed whether engaged time may be told
 * @param record gives an event its number
 * @returns the first page view
 */
export function views(
  timed: boolean,
  record: (what: What) => Promise<Session | undefined>,
  push: Outbox['push'],
  signal: AbortSignal,
): Promise<Session | undefined> {
  const clock = attention();
  let path: string | undefined;
  let view: Session | undefined; // the page view that time is counted for
  let count = 0;
  let reported: number;

  const report = (): void => {
    const engaged = clock();
    if (timed && view && engaged > reported) push(view, { name: 'engagement', engaged: (reported = engaged) });
  };

  const open = async (from = location.origin): Promise<Session | undefined> => {
    report();
    clock(0);
    path = location.pathname;
    view = undefined;
    reported = 0;
    const mine = ++count;
    const session = await record({ name: 'pageview', url: cleanUrl(location), referrer: cleanReferrer(from) });
    if (mine === count) view = session;
    return session;
  };

  /** Looks where the page is, and whether the visitor is with it; it may have come back from the browser's memory. */
  const look = (event?: Partial<PageTransitionEvent>): void => {
    if (event?.persisted || (!signal.aborted && location.pathname !== path)) void open();
    if (document.hidden) report();
    else clock();
  };

  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args);
      look();
    };
  }
  for (const name of ['visibilitychange', 'focus', 'blur', 'popstate', 'pageshow']) addEventListener(name, look, { signal });
  return open(document.referrer);
}
