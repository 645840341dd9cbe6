/** Numbers the events of a session, which the tabs of a site share. */

import { nextSession, type Session } from './session.ts';

const key = 'kelisim-session';
const settling = 100; // milliseconds after which every tab surely reads what one of them wrote

/** Gives the next number, or nothing when the consent is over. */
export type Numbers = () => Promise<Session | undefined>;

const mint = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join('');

/**
 * The numbers of the session under one decision; tabs take turns. A turn lasts a
 * little longer than its last write, because a write reaches the other tabs only
 * some time after it was made: a lock alone would let two tabs take one number.
 * @param by the decision
 * @param permitted whether it still stands; asked before anything is stored
 */
export function numbers(by: string, permitted: () => boolean): Numbers {
  let kept: string | null = null; // the session, where the browser keeps nothing for us
  let turn: Promise<void> | undefined; // ours, or asked for
  let last = 0;
  const take = (): Session | undefined => {
    if (!permitted()) return;
    last = performance.now();
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
  const ourTurn = (): Promise<void> =>
    (turn ??= new Promise((begins) => {
      navigator.locks
        .request(key, async () => {
          begins();
          do await new Promise((next) => setTimeout(next, settling));
          while (performance.now() - last < settling);
          turn = undefined;
        })
        .catch(begins);
    }));
  return async () => {
    if (navigator.locks) await ourTurn();
    return take();
  };
}

/** Forgets the session of this browser. */
export function forget(): void {
  try {
    localStorage.removeItem(key);
  } catch {}
}
