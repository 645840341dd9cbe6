/** Brings one decision to the collector. */

import type { Host } from '../contract/boot.ts';
import type { Decision } from '../contract/consent.ts';
import { keep, own } from '../contract/own.ts';

/** How far it got. */
export type Delivery =
  | 'saved'
  /** The collector knows a newer edition, or does not understand this one: ask again. */
  | 'outdated'
  /** Another decision took its place. */
  | 'replaced';

/** Why an attempt failed. */
export type Failure = 'error_offline' | 'error_busy';

/**
 * Sends a decision until the collector acknowledges it. The same bytes and the
 * same key go out each time, so that a repeat does no harm. Between attempts the
 * decision is nowhere but in memory: nothing is stored before it is acknowledged.
 * The token that it goes with in mode cross-origin is that of the decision before.
 * @param failed is told why an attempt failed, and may start the next one early
 * @param signal ends the attempts
 */
export async function deliver(
  host: Host,
  decision: Decision,
  failed: (why: Failure, retry: () => void) => void,
  signal: AbortSignal,
): Promise<Delivery> {
  const patience = 1e4; // milliseconds that one attempt may take
  const body = JSON.stringify(OWN ? { ...decision, token: own(host, 'token') } : decision);
  for (let attempt = 0; !signal.aborted; attempt++) {
    let why: Failure = 'error_offline';
    const attempted = new AbortController();
    const timer = setTimeout(() => attempted.abort(), patience);
    try {
      const answer = await fetch(`${host.base}v1/consent`, { method: 'POST', body, credentials: OWN ? 'omit' : 'include', keepalive: true, signal: attempted.signal });
      const { status } = answer;
      if (status < 300) {
        if (OWN) await keep(host, answer);
        return 'saved';
      }
      if (status < 500 && status !== 429 && status !== 408) return 'outdated';
      why = 'error_busy';
    } catch {
      // No answer.
    } finally {
      clearTimeout(timer);
    }
    await new Promise<void>((next) => {
      const wait = setTimeout(next, Math.min(1e3 * 2 ** attempt, 6e4));
      const early = (): void => {
        clearTimeout(wait);
        next();
      };
      addEventListener('online', early, { once: true });
      signal.addEventListener('abort', early);
      failed(why, early);
    });
  }
  return 'replaced';
}

/** A random UUID, as browsers put into the address of a blob, also where there is no crypto.randomUUID. */
export function uuid(): string {
  return URL.createObjectURL(new Blob()).slice(-36);
}
