/**
 * Telemetry: page views, engaged time, custom events. It is loaded only after a
 * consent that allows some of them, and needs that consent as a value to start.
 */

import type { Host, Telemetry } from '../contract/boot.ts';
import type { Granted } from '../contract/state.ts';
import { attention } from './attention.ts';
import { forget, numbers } from './number.ts';
import { outbox, type What } from './outbox.ts';
import type { Session } from './session.ts';
import { cleanReferrer, cleanUrl } from './url.ts';

/** Starts telemetry under one consent. */
function start({ caps, raw, expires }: Granted, host: Host): Telemetry {
  const ending = new AbortController();
  const { signal } = ending;

  const stop = (): void => {
    ending.abort();
    box.clear();
  };

  /** Whether the consent still stands: in this tab, by the clock, and in the cookie. */
  const permitted = (): boolean => {
    if (Date.now() > expires || !document.cookie.includes(raw)) stop();
    return !signal.aborted;
  };

  const box = outbox(host, permitted, () => {
    stop();
    forget();
  });
  const next = numbers(raw, permitted);

  const record = async (what: What): Promise<Session | undefined> => {
    const session = await next();
    if (session) box.push(session, what);
    return session;
  };

  if (caps.includes('p')) views(caps.includes('g'), record, box.push, signal);
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

/** Page views, inside the page as well, and the engaged time of each. */
function views(
  timed: boolean,
  record: (what: What) => Promise<Session | undefined>,
  push: (session: Session, what: What) => void,
  signal: AbortSignal,
): void {
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

  const open = async (from = location.origin): Promise<void> => {
    report();
    clock.reset();
    path = location.pathname;
    view = undefined;
    reported = 0;
    const mine = ++count;
    const referrer = cleanReferrer(from);
    const session = await record({ name: 'pageview', url: cleanUrl(location), ...(referrer && { referrer }) });
    if (mine === count) view = session;
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
  void open(document.referrer);
}

window.kelisimBoot!.t = start;
