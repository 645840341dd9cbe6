/** Which names of what is kept in a browser are to be cleared. */

import type { Kept, Place } from '../contract/services.ts';

const own = /^(__(Host|Secure)-)?kelisim/;
const fits = (name: string) => (pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/**
 * Whether a name is only of services whose purposes are not granted: what a
 * service of a granted purpose declares stays, and so does what is ours.
 */
export function condemned(kept: Kept, granted: readonly string[], place: Place): (name: string) => boolean {
  const names = (stays: boolean): readonly string[] =>
    kept.services.filter(({ purpose }) => granted.includes(purpose) === stays).flatMap((service) => service[place] ?? []);
  const goes = names(false);
  const stays = names(true);
  return (name) => !own.test(name) && goes.some(fits(name)) && !stays.some(fits(name));
}

/** The names of the cookies that a page sees, each once. */
export function cookieNames(cookies: string): string[] {
  return [...new Set(cookies.split('; ').map((cookie) => cookie.replace(/=.*/s, '')))].filter((name) => name);
}

/** Every domain that a cookie seen on a host can have; none at all is the host itself. */
export function domainsOf(host: string): string[] {
  const parts = host.split('.');
  return ['', ...parts.map((_, i) => parts.slice(i).join('.'))];
}

/** Every path that a cookie seen on a page can have. */
export function pathsOf(path: string): string[] {
  const out = ['/'];
  let at = '';
  for (const part of path.split('/').slice(1)) {
    if (!part) continue;
    at += `/${part}`;
    out.push(at, `${at}/`);
  }
  return out;
}
