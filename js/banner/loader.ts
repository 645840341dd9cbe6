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
 * Calls are replayed in order; one of a name that is not ours is dropped. An event that nobody
 * consented to is dropped, not kept.
 *
 * Options on the tag: data-lang, data-auto="false" (the page itself calls open),
 * data-nonce (when the page's policy gives scripts a nonce that this tag does not
 * carry), data-debug.
 */

import type { BannerAct, Boot, Host, Telemetry } from '../contract/boot.ts';
import type { Props } from '../contract/events.ts';
import { readState, type Editions, type Granted, type State } from '../contract/state.ts';
import { checked, loading, type Load } from './loading.ts';

/** Stands in front of this script. */
declare const kelisimBoot: Boot;

const doc = document;
const script = doc.currentScript as HTMLScriptElement;
const { dataset } = script;
const boot = kelisimBoot;
const early = (self.kelisim as { q?: [keyof typeof api, ...never[]][] } | undefined)?.q ?? [];
const base = new URL('.', script.src).href;
const editions: Editions = boot.e[dataset['site']!] ?? [];
const folder = `${base}a/${editions.h ?? boot.h}/`;
const load: Load = PINNED ? checked(folder, boot, script) : loading(folder);
const log = (...what: unknown[]): unknown => 'debug' in dataset && console.info('kelisim:', ...what);

// Not known until start; events wait until it is.
let state: State | undefined;
let telemetry: Telemetry | undefined;
let waiting: [string, Props | undefined][] = [];

/** Does nothing while the state is not known: a click while the page is still loading. */
const withBanner = (act: BannerAct) => (): void => load('banner', () => state && boot.b!(host, act));
const channel = new BroadcastChannel('kelisim');

const update = (): void => {
  const next = readState(doc.cookie, editions, Date.now());
  if (next.raw == state?.raw) return;
  state = next;
  telemetry = telemetry?.stop();
  log(next);
  if (!next.caps) waiting = [];
  else {
    load('telemetry', () => {
      if (state !== next) return;
      telemetry = boot.t!(next as Granted, host);
      waiting.map((call) => telemetry!.event(...call));
      waiting = [];
    });
  }
  if (next.raw) {
    boot.b?.(host, 'close');
    if (!doc.querySelector('#kelisim-open')) load('back', () => boot.w!(host));
  } else if (dataset['auto'] != 'false') withBanner('ask')();
  tags();
  doc.dispatchEvent(new CustomEvent('kelisim:change', { detail: next }));
};

/** Waiting tags, also those that the page adds later, are another file's work. */
const tags = (): unknown => state && doc.querySelector('[data-kelisim]') && load('release', () => boot.r!(host));

const host: Host = { base, script, state: () => state!, update, load, channel, log };

const api = {
  event(name: string, props: Props | undefined): void {
    if (telemetry) telemetry.event(name, props);
    else if (state?.caps != '') waiting.push([name, props]);
    else log('dropped', name);
  },
  open: withBanner('open'),
  state: host.state,
  on: (_: 'change', fn: (state: State) => void) =>
    doc.addEventListener('kelisim:change', (event) => fn((event as CustomEvent<State>).detail)),
  withdraw: withBanner('withdraw'),
};

/** Begins when the page is there and seen, and looks again whenever the decision can have changed. */
const look = (): void => {
  if (doc.prerendering || doc.readyState > 'l') return; // of its three values: loading
  if (!state) {
    self.kelisim = api;
    early.map(([method, ...rest]) => (api[method] ? (api[method] as (...args: never[]) => void)(...rest) : log('dropped', method)));
  }
  update();
};

for (const type of 'visibilitychange DOMContentLoaded prerenderingchange pageshow'.split(' ')) addEventListener(type, look, true);
addEventListener('click', (event) => {
  if ((event.target as Element).closest?.('#kelisim-open')) {
    event.preventDefault();
    api.open();
  }
});
channel.onmessage = look;
new MutationObserver(tags).observe(doc, { subtree: true, childList: true });
look();
