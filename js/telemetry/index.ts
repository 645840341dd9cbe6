/**
 * Telemetry: page views, engaged time, custom events. It is loaded only after a
 * consent that allows some of them, and needs that consent as a value to start.
 */

import type { Host, Telemetry } from '../contract/boot.ts';
import { isOver, type WireEvent } from '../contract/events.ts';
import type { Granted } from '../contract/state.ts';
import { nextSession, type Session } from './session.ts';
import { cleanReferrer, cleanUrl } from './url.ts';

const key = 'kelisim-session';
const most = 50; // events that wait, at most

type Waiting = WireEvent & { readonly at: number };
type What = Omit<WireEvent, 'seq' | 'ago'>;

function start(granted: Granted, { base, site, log }: Host): Telemetry {
  const doc = document;
  const ending = new AbortController();
  const { signal } = ending;
  const { caps, raw, expires } = granted;
  let queue: [Session, Waiting][] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let kept: string | null = null; // the session, where the browser keeps nothing for us

  const stop = (): void => {
    ending.abort();
    clearTimeout(timer);
    queue = [];
  };

  /** Whether the consent still stands: in this tab, by the clock, and in the cookie. */
  const permitted = (): boolean => {
    if (signal.aborted || Date.now() > expires || !doc.cookie.includes(raw)) stop();
    return !signal.aborted;
  };

  const later = (delay: number): void => {
    timer ??= setTimeout(flush, delay);
  };

  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (!queue[0] || !permitted()) return;
    const [session] = queue[0];
    const mine = queue.filter(([{ id }]) => id === session.id);
    queue = queue.filter(([{ id }]) => id !== session.id);
    const now = Date.now();
    const events = mine.map(([, { at, ...event }]) => ({ ...event, ago: now - at }));
    const body = JSON.stringify({ v: 1, site, now, session: { id: session.id, start: session.start }, events });
    try {
      const answer = await fetch(`${base}v1/events`, { method: 'POST', body, keepalive: body.length < 6e4 });
      if (answer.status === 429 || answer.status > 499) throw answer.status;
      failures = 0;
      const result: unknown = answer.status === 202 ? await answer.json() : answer.status;
      log('sent', events, result);
      if (isOver(result)) {
        stop();
        localStorage.removeItem(key);
      }
    } catch (error) {
      if (signal.aborted) return;
      log('will be sent again', events, error);
      queue = [...mine, ...queue].slice(-most);
      later(Math.min(2e3 * 2 ** failures++, 3e5) * (1 + Math.random() / 2));
    }
    if (queue[0]) later(0);
  };

  const push = (session: Session, what: What): void => {
    queue = [...queue, [session, { seq: session.seq, at: Date.now(), ...what }] as [Session, Waiting]].slice(-most);
    later(300);
  };

  const mint = (): string =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join('');

  /** Takes the next number of the session, or nothing when the consent is over. */
  const take = (): Session | undefined => {
    if (!permitted()) return;
    try {
      kept = localStorage.getItem(key);
    } catch {}
    const session = nextSession(kept, raw, Date.now(), mint);
    kept = JSON.stringify(session);
    try {
      localStorage.setItem(key, kept);
    } catch {}
    return session;
  };

  /** Numbers an event; tabs take numbers one after another. */
  const number = async (what: What): Promise<Session | undefined> => {
    const session = await (navigator.locks ? navigator.locks.request(key, take) : take());
    if (session) push(session, what);
    return session;
  };

  let path: string | undefined;
  let view: Session | undefined; // the page view that time is counted for
  let views = 0;
  let since = 0; // when the visitor last turned to the page; 0 while turned away
  let engaged = 0;
  let reported = 0;

  const measure = (): void => {
    const now = performance.now();
    if (since) engaged += now - since;
    since = !doc.hidden && doc.hasFocus() ? now : 0;
  };

  const report = (): void => {
    measure();
    const ms = Math.round(engaged);
    if (view && caps.includes('g') && ms > reported) {
      reported = ms;
      push(view, { name: 'engagement', engaged: ms });
    }
  };

  const open = async (referrer?: string): Promise<void> => {
    report();
    path = location.pathname;
    view = undefined;
    engaged = reported = 0;
    const mine = ++views;
    if (!caps.includes('p')) return;
    const from = cleanReferrer(referrer ?? '', location.origin);
    const session = await number({ name: 'pageview', url: cleanUrl(location), ...(from && { referrer: from }) });
    if (mine === views) view = session;
  };

  const leave = (): void => {
    if (!permitted()) return;
    report();
    since = 0;
    void flush();
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
  addEventListener('focus', measure, on);
  addEventListener('blur', measure, on);
  addEventListener('pagehide', leave, on);
  addEventListener('pageshow', (event) => event.persisted && open(), on);
  doc.addEventListener('visibilitychange', () => (doc.hidden ? leave() : measure()), on);
  void open(doc.referrer);

  return {
    stop,
    event(name, props) {
      if (caps.includes('e')) void number({ name, url: cleanUrl(location), ...(props && { props }) });
      else log('dropped', name, 'purpose');
    },
  };
}

window.kelisimBoot!.t = start;
