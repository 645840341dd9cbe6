/** A visit: a random id minted after consent, numbered events, and an end. */

import { day, idle } from './measure.ts';

/** One numbered event of a session. */
export interface Session {
  /** 128 random bits, 32 hexadecimal digits. */
  readonly id: string;
  /** When it began, milliseconds since 1970. */
  readonly start: number;
  /** Number of its newest event. */
  readonly seq: number;
  /** As it is kept in localStorage under kelisim-session: id, decision, start, newest event, number. */
  readonly kept: string;
}

/**
 * The session after one more event: the stored one, or a new one when there is
 * none, when it has been idle for 30 minutes or has lasted 24 hours, or when it
 * was begun under another decision.
 * @param by the decision; it has no space in it
 */
export function nextSession(stored: string, by: string, now: number, mint: () => string): Session {
  let [id, grant, ...times] = stored.split(' ');
  let [start, last, seq] = times.map(Number);
  if (grant !== by || !(Math.abs(now - last!) < idle && now - start! < day && seq! > 0)) [id, start, seq] = [mint(), now, 0];
  return { id: id!, start: start!, seq: ++seq!, kept: [id, by, start, now, seq].join(' ') };
}
