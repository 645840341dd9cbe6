/**
 * Telemetry: page views, engaged time, custom events. It is loaded only after a
 * consent that allows some of them, and needs that consent as a value to start.
 */

import type { Host, Telemetry } from '../contract/boot.ts';
import type { Granted } from '../contract/state.ts';
import { forget, numbers } from './number.ts';
import { outbox, type What } from './outbox.ts';
import type { Session } from './session.ts';
import { cleanUrl } from './url.ts';
import { views } from './views.ts';

/** Starts telemetry under one consent. */
function start({ caps, raw }: Granted, host: Host): Telemetry {
  const ending = new AbortController();
  const { signal } = ending;

  const stop = (): undefined => {
    ending.abort();
    box.clear();
    forget();
  };

  /** Whether the consent still stands: in this tab, by the clock, and in the cookie; not while the visitor is taking it back. */
  const permitted = (): boolean => {
    host.update();
    return !signal.aborted && !window.kelisimBoot!.x;
  };

  const box = outbox(host, permitted, stop);
  const next = numbers(raw, permitted);

  const record = async (what: What): Promise<Session | undefined> => {
    const session = await next();
    if (session) box.push(session, what);
    return session;
  };

  if (caps.includes('p')) {
    const first = views(caps.includes('g'), record, box.push, signal);
    if (caps.includes('v')) host.load('vitals', () => window.kelisimBoot!.v!(first, box, signal));
  }
  // The last moment at which something can be sent; after the views have had their say.
  addEventListener('visibilitychange', () => document.hidden && box.flush(), { signal });

  return {
    stop,
    event(name, props) {
      if (caps.includes('e')) void record({ name, url: cleanUrl(location), props });
      else host.log('dropped', name, 'purpose');
    },
  };
}

window.kelisimBoot!.t = start;
