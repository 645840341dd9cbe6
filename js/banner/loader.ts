/**
 * The loader, served as k.js: the only thing most page views load.
 *
 *   <script async src="/kelisim/k.js" data-site="shop"></script>
 *
 * It reads the state cookie and then starts telemetry, or the banner, or neither.
 * It stores nothing. When the collector is away it does nothing at all.
 *
 * A page that calls the interface before this script has loaded puts a stub first:
 *
 *   <script>
 *   (function (w) {
 *     var k = w.kelisim = w.kelisim || { q: [] };
 *     ['event', 'open', 'on', 'withdraw'].forEach(function (m) {
 *       k[m] = k[m] || function () { k.q.push([m].concat([].slice.call(arguments))); };
 *     });
 *   })(window);
 *   </script>
 *
 * Calls are replayed in order. An event that nobody consented to is dropped, not kept.
 *
 * Options on the tag: data-lang, data-auto="false" (the page itself calls open),
 * data-nonce (when the page's policy gives scripts a nonce that this tag does not
 * carry), data-debug.
 */

import type { Banner, Boot, Host, Telemetry } from '../contract/boot.ts';
import type { Props } from '../contract/events.ts';
import { readState, type State } from '../contract/state.ts';
import { firstOf } from './language.ts';

const doc = document;
const script = doc.currentScript as HTMLScriptElement;
const { site = '', lang, auto, debug, nonce = script.nonce! } = script.dataset;
const base = script.src.replace(/[^/]*$/, '');
const boot = window.kelisimBoot as Boot;
const stub = window.kelisim as { q?: unknown } | undefined;

const log = (...what: unknown[]): void => {
  if (debug != null) console.info('kelisim:', ...what);
};

const same = (text: string): string => text;
const rules = { createScriptURL: same, createScript: same };
const trusted = window.trustedTypes?.createPolicy('kelisim', rules) ?? rules;

const loads: Record<string, Promise<unknown> | undefined> = {};
const load = (url: string): Promise<unknown> =>
  (loads[url] ??= new Promise((done) => {
    const element = doc.createElement('script');
    element.src = trusted.createScriptURL(base + url);
    element.nonce = nonce;
    element.onload = done;
    // Whoever waits goes on waiting; the next one tries again.
    element.onerror = () => delete loads[url];
    doc.head.append(element);
  }));

// Not known until start; events wait until it is.
let state: State;
let telemetry: Telemetry | undefined;
let waiting: [string, Props | undefined][] = [];
let banner: Banner | undefined;

const withBanner = (act: keyof Banner): void =>
  void load(boot.f.banner).then(() => (banner ??= boot.b!(host))[act]());

const labels: Record<string, string> = {
  kk: 'Құпиялылық баптаулары',
  ru: 'Настройки конфиденциальности',
  en: 'Privacy settings',
};

/** The permanent way back: the page's own element of that id, or a small button of ours. */
const wayBack = (): void => {
  let control = doc.getElementById('kelisim-open');
  if (!control) {
    control = doc.createElement('button');
    control.id = 'kelisim-open';
    control.textContent = labels[(control.lang = firstOf(lang, Object.keys(labels)))]!;
    control.style.cssText =
      'all:revert;position:fixed;z-index:2147483646;left:8px;bottom:8px;min-height:44px;padding:0 16px;border:1px solid;' +
      'border-radius:22px;font:13px system-ui,sans-serif;color-scheme:light dark;color:CanvasText;background:Canvas;cursor:pointer';
    doc.body.append(control);
  }
  control.onclick = api.open;
};

const channel = window.BroadcastChannel && new BroadcastChannel('kelisim');

const update = (): void => {
  const next = readState(doc.cookie, boot.e[site]!, Date.now());
  if (next.raw === state?.raw) return;
  state = next;
  telemetry?.stop();
  telemetry = undefined;
  log(next.status, next.purposes);
  if (next.status === 'granted' && next.caps) {
    void load(boot.f.telemetry).then(() => {
      if (state !== next) return;
      telemetry = boot.t!(next, host);
      for (const call of waiting.splice(0)) telemetry.event(...call);
    });
  } else {
    waiting = [];
    try {
      localStorage.removeItem('kelisim-session');
    } catch {}
  }
  if (next.raw) {
    banner?.close();
    wayBack();
    if (next.purposes[0] && doc.querySelector('[data-kelisim]')) withBanner('release');
  } else if (auto !== 'false') withBanner('open');
  doc.dispatchEvent(new CustomEvent('kelisim:change', { detail: next }));
};

const host: Host = { base, site, lang, nonce, trusted, style: base + boot.f.style, state: () => state, update, load, channel, log };

const api = {
  event(name: string, props: Props | undefined): void {
    if (telemetry) telemetry.event(name, props);
    else if (state?.caps !== '') waiting.push([name, props]);
    else log('dropped', name, 'no consent');
  },
  open: () => withBanner('open'),
  state: () => state,
  on: (_: 'change', fn: (state: State) => void) =>
    doc.addEventListener('kelisim:change', (event) => fn((event as CustomEvent<State>).detail)),
  withdraw: () => withBanner('withdraw'),
};

const start = (): void => {
  if (doc.prerendering) doc.addEventListener('prerenderingchange', start);
  else if (doc.readyState === 'loading') doc.addEventListener('DOMContentLoaded', start);
  else {
    const early = stub?.q;
    window.kelisim = api;
    for (const [method, ...rest] of (Array.isArray(early) ? early : []) as [keyof typeof api, ...never[]][]) {
      (api[method] as ((...args: never[]) => void) | undefined)?.(...rest);
    }
    update();
    if (channel) channel.onmessage = update;
    doc.addEventListener('visibilitychange', update);
    addEventListener('pageshow', update);
  }
};

if (boot.e[site]) start();
else log('unknown site', site);
