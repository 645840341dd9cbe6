/** Events on their way to the collector: in memory only, few, and sent again after trouble. */

import type { Host } from '../contract/boot.ts';
import { own } from '../contract/own.ts';
import { isOver, type WireEvent } from '../contract/events.ts';
import type { Session } from './session.ts';

/** An event without what the outbox adds. */
export type What = Omit<WireEvent, 'seq' | 'ago'>;

/** Where events wait. */
export interface Outbox {
  readonly push: (session: Session, what: What) => void;
  readonly flush: () => Promise<void>;
  readonly clear: () => void;
}

type Waiting = readonly [session: Session, at: number, event: Omit<WireEvent, 'ago'>, again?: true];

const most = 50; // events that wait, at most
const soon = 300; // milliseconds that events wait for company
const first = 2e3; // milliseconds before the second attempt; doubled each time
const longest = 3e5;

/**
 * An empty outbox.
 * @param permitted whether the consent still stands; asked before anything is sent
 * @param over is called when the collector says that it does not
 */
export function outbox(host: Host, permitted: () => boolean, over: () => void): Outbox {
  const { base, script, log } = host;
  let queue: Waiting[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  const later = (delay: number): void => {
    timer ??= setTimeout(flush, delay);
  };

  /** One call; true when it must be made again. */
  const send = async ({ id, start }: Session, mine: Waiting[]): Promise<boolean> => {
    const now = Date.now();
    const events = mine.map(([, at, event]) => ({ ...event, ago: now - at }));
    const again = mine.some(([, , , sent]) => sent) || undefined;
    // Half a character, as a text that was cut may end with, is written as an escape; the collector takes none.
    const body = JSON.stringify({ v: 1, site: script.dataset['site'], ...(OWN ? { token: own(host, 'token') } : {}), now, session: { id, start }, again, events }).replace(/\\ud[\da-f]{3}/g, '\\ufffd');
    try {
      // A browser refuses to keep more than 64 KiB alive.
      const answer = await fetch(`${base}v1/events`, { method: 'POST', body, credentials: OWN ? 'omit' : 'include', keepalive: body.length < 6e4 });
      const { status } = answer;
      if (status === 429 || status > 499) throw status;
      const result: unknown = status === 202 ? await answer.json() : status;
      log('sent', events, result);
      if (isOver(result)) over();
      return false;
    } catch (error) {
      log('will be sent again', events, error);
      return true;
    }
  };

  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (!queue[0] || !permitted()) return;
    const [session] = queue[0];
    const mine = queue.filter(([{ id }]) => id === session.id);
    queue = queue.filter(([{ id }]) => id !== session.id);
    if (!(await send(session, mine))) failures = 0;
    else if (permitted()) {
      queue = [...mine.map(([session, at, event]) => [session, at, event, true] as const), ...queue].slice(-most);
      later(Math.min(first * 2 ** failures++, longest) * (1 + Math.random() / 2));
    }
    if (queue[0]) later(0);
  };

  return {
    flush,
    push(session, what) {
      queue = [...queue, [session, Date.now(), { seq: session.seq, ...what }] as const].slice(-most);
      later(soon);
    },
    clear() {
      clearTimeout(timer);
      queue = [];
    },
  };
}
