/** A visit: a random id minted after consent, numbered events, and an end. */

/** As it is kept in localStorage under kelisim-session. */
export interface Session {
  /** 128 random bits, 32 hexadecimal digits. */
  readonly id: string;
  /** When it began, milliseconds since 1970. */
  readonly start: number;
  /** When its newest event happened. */
  readonly last: number;
  /** Number of its newest event. */
  readonly seq: number;
  /** The decision it belongs to; another decision begins another session. */
  readonly by: string;
}

const idle = 18e5;
const longest = 864e5;

/**
 * The session after one more event: the stored one, or a new one when there is
 * none, when it has been idle for 30 minutes or has lasted 24 hours, or when it
 * was begun under another decision.
 */
export function nextSession(stored: string | null, by: string, now: number, mint: () => string): Session {
  let old: Partial<Session> | null = null;
  try {
    old = JSON.parse(stored!) as Partial<Session> | null;
  } catch {}
  const { id, start, last, seq } = old ?? {};
  return old?.by === by && id && Math.abs(now - last!) < idle && now - start! < longest && seq! > 0
    ? { id, start: start!, last: now, seq: seq! + 1, by }
    : { id: mint(), start: now, last: now, seq: 1, by };
}
