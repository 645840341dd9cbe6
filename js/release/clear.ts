/** Clears what the services of purposes that are not granted left in this browser. */

import type { Kept, Place } from '../contract/services.ts';
import { condemned, cookieNames, domainsOf, pathsOf } from './names.ts';

/**
 * Ends a cookie wherever it can sit. A domain with a leading dot is the same as
 * without (RFC 6265, 5.2.3); one that the browser does not take is ignored by it.
 */
function endCookie(name: string): void {
  const secure = location.protocol === 'https:' ? ';Secure' : '';
  const end = (more: string): void => {
    for (const domain of domainsOf(location.hostname)) {
      for (const path of pathsOf(location.pathname)) {
        document.cookie = `${name}=;Max-Age=0;Path=${path}${domain && `;Domain=${domain}`}${more}`;
      }
    }
  };
  end(secure);
  // A cookie of a partition, or a prefix that wants Secure where the page is a secure context without TLS.
  if (cookieNames(document.cookie).includes(name)) end(';Secure');
  if (cookieNames(document.cookie).includes(name)) end(';Secure;Partitioned');
}

/** Does what it can: a browser may deny a place, or not have it. */
async function attempt(act: () => unknown): Promise<void> {
  try {
    await act();
  } catch {
    // Nothing of ours can be there.
  }
}

/**
 * Clears by the names that the policy declares. What scripts cannot see
 * (HttpOnly cookies, storage of other origins) stays.
 */
export async function clear(kept: Kept, granted: readonly string[]): Promise<void> {
  const of = (place: Place) => condemned(kept, granted, place);
  const empty = (place: Place, storage: () => Storage): Promise<void> =>
    attempt(() => {
      const from = storage();
      Object.keys(from).filter(of(place)).forEach((key) => from.removeItem(key));
    });
  cookieNames(document.cookie).filter(of('cookies')).forEach(endCookie);
  await Promise.all([
    empty('local_storage', () => localStorage),
    empty('session_storage', () => sessionStorage),
    attempt(async () => {
      // A database that a script still holds open goes when the page does.
      for (const { name } of await indexedDB.databases()) if (of('indexed_db')(name!)) indexedDB.deleteDatabase(name!);
    }),
    attempt(async () => {
      for (const name of await caches.keys()) if (of('caches')(name)) await caches.delete(name);
    }),
    attempt(async () => {
      for (const worker of await navigator.serviceWorker.getRegistrations()) {
        const { scriptURL } = (worker.active ?? worker.waiting ?? worker.installing)!;
        if (of('service_workers')(new URL(scriptURL).pathname)) await worker.unregister();
      }
    }),
  ]);
}
