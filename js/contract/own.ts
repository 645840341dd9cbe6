/**
 * What differs outside mode path: whether cookies travel with a call and, in mode
 * cross-origin, what the browser keeps of its own, because the collector can set no
 * cookie there. The files for mode cross-origin are built apart, so that nobody
 * else loads any of it.
 */

import type { Host } from './boot.ts';

declare global {
  /** Set when a file is built for mode cross-origin. */
  const OWN: boolean;
}

/** The collector's answer to a decision in mode cross-origin. */
interface Kept {
  /** Absent where nothing is granted. */
  readonly token?: string;
  /** The text of the state cookie. */
  readonly marker: string;
  /** Seconds that both are kept. */
  readonly max_age: number;
}

const secure = (): boolean => location.protocol === 'https:'; // else plain http on the machine itself
const name = ({ script }: Host, cookie: string): string =>
  `${secure() ? window.kelisimBoot!.e[script.dataset['site']!]!.m : ''}kelisim-${cookie}`;

/** A cookie of our own. */
export const own = (host: Host, cookie: 'state' | 'token'): string | undefined =>
  `; ${document.cookie}`.split(`; ${name(host, cookie)}=`)[1]?.split(';')[0];

/** Keeps what the collector answered to a decision, for as long as it says; it is never renewed. */
export async function keep(host: Host, answer: Response): Promise<void> {
  const { token = '', marker, max_age } = (await answer.json()) as Kept;
  const write = (cookie: string, value: string, life: number): void => {
    document.cookie = `${name(host, cookie)}=${value};path=/;samesite=lax;max-age=${life}${secure() ? ';secure' : ''}`;
  };
  write('token', token, token ? max_age : 0);
  write('state', marker, max_age);
}
