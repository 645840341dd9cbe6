/** Numbers the events of a session, which the tabs of a site share. */

import { nextSession, type Session } from './session.ts';

const key = 'kelisim-session';

/** Gives the next number, or nothing when the consent is over. */
export type Numbers = () => Promise<Session | undefined>;

const mint = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join('');

/**
 * The numbers of the session under one decision; tabs take them one after another.
 * @param by the decision
 * @param permitted whether it still stands; asked before anything is stored
 */
export function numbers(by: string, permitted: () => boolean): Numbers {
  let kept: string | null = null; // the session, where the browser keeps nothing for us
  const take = (): Session | undefined => {
    if (!permitted()) return;
    try {
      kept = localStorage.getItem(key);
    } catch {}
    const session = nextSession(kept, by, Date.now(), mint);
    kept = JSON.stringify(session);
    try {
      localStorage.setItem(key, kept);
    } catch {}
    return session;
  };
  return async () => (navigator.locks ? navigator.locks.request(key, take) : take());
}

/** Forgets the session of this browser. */
export function forget(): void {
  try {
    localStorage.removeItem(key);
  } catch {}
}
