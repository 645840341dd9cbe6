/** Events on their way to the collector: in memory only, few, and sent again after trouble. */

import type { Host } from '../contract/boot.ts';
import { own } from '../contract/own.ts';
import { isOver, type EventsCall, type Props, type WireEvent } from '../contract/events.ts';
import { alive, calls, longest, most, pause, soon } from './measure.ts';
import type { Session } from './session.ts';

/** An event without what the outbox adds. */
export interface What extends Pick<WireEvent, 'name' | 'engaged'> {
  readonly url?: string;
  readonly referrer?: string | undefined;
  readonly props?: Props | undefined;
}

/** Where events wait. */
export interface Outbox {
  readonly push: (session: Session, what: What) => void;
  readonly flush: () => void;
  readonly clear: () => void;
}

/** A call that is to be made: events of one session, and when each happened. */
type Call = Pick<EventsCall, 'session' | 'again'> & { readonly events: [at: number, seq: number, what: What][] };

/**
 * An empty outbox.
 * @param permitted whether the consent still stands; asked before anything is sent
 * @param over is called when the collector says that it does not
 */
export function outbox(host: Host, permitted: () => boolean, over: () => void): Outbox {
  const { base, script, log } = host;
  let waiting: Call[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempts = 0; // since one went well

  const later = (delay: number): void => {
    timer ??= setTimeout(flush, delay);
  };

  const send = async (call: Call): Promise<void> => {
    const now = Date.now();
    const events = call.events.map(([at, seq, what]) => ({ seq, ...what, ago: now - at }));
    // Half a character, as a text that was cut may end with, is written as an escape; the collector takes none.
    const body = JSON.stringify({ v: 1, site: script.dataset['site'], ...(OWN ? { token: own(host, 'token') } : {}), now, ...call, events }).replace(/\\ud[\da-f]{3}/g, '\\ufffd');
    try {
      const answer = await fetch(`${base}v1/events`, { method: 'POST', body, credentials: OWN ? 'omit' : 'include', keepalive: body.length < alive });
      const result = await answer.text();
      if (/429|5../.test(`${answer.status}`)) throw result;
      log('sent', events, result);
      if (isOver(result)) over();
      attempts = 0;
    } catch (error) {
      log('will be sent again', events, error);
      waiting = [...waiting, { ...call, again: true as const }].slice(-calls);
      later(Math.min(pause * 2 ** attempts, longest) * (1 + Math.random() / 2));
    }
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!permitted()) return;
    attempts++;
    waiting.splice(0).forEach(send);
  };

  return {
    flush,
    push({ id, start, seq }, what) {
      let call = waiting.at(-1);
      if (call?.session.id !== id || call.again || call.events[most - 1]) {
        call = { session: { id, start }, events: [] };
        waiting = [...waiting, call].slice(-calls);
      }
      call.events.push([Date.now(), seq, what]);
      later(soon);
    },
    clear() {
      clearTimeout(timer);
      waiting = [];
    },
  };
}
