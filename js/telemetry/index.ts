/**
 * Telemetry: page views, engaged time, custom events. It is loaded only after a
 * consent that allows some of them, and needs that consent as a value to start.
 */

import type { Host, Telemetry } from '../contract/boot.ts';
import type { Granted } from '../contract/state.ts';
import { attention } from './attention.ts';
import { forget, numbers } from './number.ts';
import { outbox, type Outbox, type What } from './outbox.ts';
import type { Session } from './session.ts';
import { cleanReferrer, cleanUrl } from './url.ts';

/** Starts telemetry under one consent. */
function start({ caps, raw, expires }: Granted, host: Host): Telemetry {
  const ending = new AbortController();
  const { signal } = ending;

  const stop = (): undefined => {
    ending.abort();
    box.clear();
    forget();
  };

  /** Whether the consent still stands: in this tab, by the clock, and in the cookie; not while the visitor is taking it back. */
  const permitted = (): boolean => {
    if (Date.now() > expires || !document.cookie.includes(raw)) stop();
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
    if (caps.includes('v')) vitals(first, box, host, signal);
  }
  onLeave(signal, () => void box.flush());

  return {
    stop,
    event(name, props) {
      if (caps.includes('e')) void record({ name, url: cleanUrl(location), ...(props && { props }) });
      else host.log('dropped', name, 'purpose');
    },
  };
}

/** Calls when the page is hidden or left: the last moment at which something can be sent. */
function onLeave(signal: AbortSignal, act: () => void): void {
  const on = { signal };
  addEventListener('pagehide', act, on);
  document.addEventListener('visibilitychange', () => document.hidden && act(), on);
}

/** The loading and response times of the first page view; later ones inside the page load nothing. */
function vitals(first: Promise<Session | undefined>, box: Outbox, { load }: Host, signal: AbortSignal): void {
  load('vitals', async () => {
    const view = await first;
    if (!view || signal.aborted) return;
    window.kelisimBoot!.v!((props) => {
      box.push(view, { name: 'vitals', props });
      void box.flush();
    }, signal);
  });
}

/** Page views, inside the page as well, and the engaged time of each. Returns the first one. */
function views(
  timed: boolean,
  record: (what: What) => Promise<Session | undefined>,
  push: (session: Session, what: What) => void,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const clock = attention();
  let path: string | undefined;
  let view: Session | undefined; // the page view that time is counted for
  let count = 0;
  let reported = 0;

  const report = (): void => {
    const engaged = clock.look();
    if (timed && view && engaged > reported) {
      reported = engaged;
      push(view, { name: 'engagement', engaged });
    }
  };

  const open = async (from = location.origin): Promise<Session | undefined> => {
    report();
    clock.reset();
    path = location.pathname;
    view = undefined;
    reported = 0;
    const mine = ++count;
    const referrer = cleanReferrer(from);
    const session = await record({ name: 'pageview', url: cleanUrl(location), ...(referrer && { referrer }) });
    if (mine === count) view = session;
    return session;
  };

  const moved = (): void => {
    if (!signal.aborted && location.pathname !== path) void open();
  };

  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args);
      moved();
    };
  }
  const on = { signal };
  addEventListener('popstate', moved, on);
  addEventListener('focus', clock.look, on);
  addEventListener('blur', clock.look, on);
  addEventListener('pageshow', (event) => event.persisted && open(), on);
  document.addEventListener('visibilitychange', clock.look, on);
  onLeave(signal, () => {
    report();
    clock.away();
  });
  return open(document.referrer);
}

window.kelisimBoot!.t = start;
