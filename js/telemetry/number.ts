/** Numbers the events of a session, which the tabs of a site share. */

import { settling } from './measure.ts';
import { nextSession, type Session } from './session.ts';

const key = 'kelisim-session';

/** Gives the next number, or nothing when the consent is over. */
export type Numbers = () => Promise<Session | undefined>;

const mint = (): string =>
  crypto.getRandomValues(new Uint8Array(16)).reduce((text, byte) => text + (byte + 256).toString(16).slice(1), '');
const settled = (): Promise<void> => new Promise((next) => setTimeout(next, settling));

/**
 * The numbers of the session under one decision; tabs take turns. A turn is kept a
 * little longer than numbers are taken in it, because a write reaches the other tabs
 * only some time after it was made: a lock alone would let two tabs take one number.
 * @param by the decision
 * @param permitted whether it still stands; asked before anything is stored
 */
export function numbers(by: string, permitted: () => boolean): Numbers {
  let kept = ''; // the session, where the browser keeps nothing for us
  let turn: Promise<void> | undefined; // ours, or asked for
  const ourTurn = (): Promise<void> =>
    (turn ??= new Promise((begins) => {
      navigator.locks
        .request(key, async () => {
          begins();
          await settled();
          turn = undefined;
          await settled();
        })
        .catch(begins);
    }));
  return async () => {
    if (navigator.locks) await ourTurn();
    if (!permitted()) return;
    try {
      kept = localStorage.getItem(key) ?? '';
    } catch {}
    const session = nextSession(kept, by, Date.now(), mint);
    kept = session.kept;
    try {
      localStorage.setItem(key, kept);
    } catch {}
    return session;
  };
}

/** Forgets the session of this browser. */
export function forget(): void {
  try {
    localStorage.removeItem(key);
  } catch {}
}
