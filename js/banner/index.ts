/** The banner: asks, brings the answer to the collector, and shows how to change it. */

import { isWhole, type FirstDocument, type TextKey } from '../contract/banner.ts';
import type { BannerAct, Host } from '../contract/boot.ts';
import type { Action, Decision } from '../contract/consent.ts';
import { ask, brought } from './ask.ts';
import { decisionOf, gpc, spoken } from './decision.ts';
import { deliver, type Failure } from './deliver.ts';
import { firstOf } from './language.ts';
import type { Acts } from './acts.ts';
import type { Settings } from './settings.ts';
import { firstLayer } from './layer.ts';
import { adopt, loadStyle } from './style.ts';
import { surface } from './surface.ts';

/** What was asked last, and what the visitor has ticked. */
interface Asked {
  doc: FirstDocument | undefined;
  choices: Record<string, boolean>;
}

/** Removes the id of a session whose consent is over, where telemetry is not there to do it. */
function forget({ state }: Host): void {
  try {
    if (!state().caps) localStorage.removeItem('kelisim-session');
  } catch {}
}

function mount(host: Host): Record<BannerAct, () => void> {
  const { base, load, log, script, state } = host;
  const { lang } = script.dataset;
  const style = loadStyle('banner', host);
  forget(host);
  const asked: Asked = { doc: undefined, choices: {} };
  const untick = (): void => {
    asked.choices = asked.doc && isWhole(asked.doc) ? { ...asked.doc.choices } : {};
  };
  const screen = surface(untick);

  const decide = sender(host, asked, screen, (lang) => show(lang, true));

  /** Loads the settings' script and their style sheet; nothing when they do not come in time. */
  const prepare = (): Promise<Awaited<ReturnType<Settings>> | void> =>
    new Promise((ready) => {
      load('settings', () => ready(window.kelisimBoot!.s!(host)));
      setTimeout(ready, 1e4);
    });

  const acts: Acts = {
    acceptAll: () => decide('accept_all'),
    refuseAll: () => decide('refuse_all'),
    save: () => decide('custom'),
    withdraw: () => decide('withdraw'),
    customise: () => {
      screen.root.ariaBusy = 'true'; // seen at once, while the rest is on its way
      void openSettings(asked.doc!).finally(() => (screen.root.ariaBusy = null));
    },
    prepare,
    close: screen.closeDialog,
    speak: (lang) =>
      void show(lang, true).then(() => (screen.dialog() ?? screen.root).querySelector<HTMLElement>(`[data-kelisim-lang="${lang}"]`)?.focus()),
  };

  /** Opens the settings: their script, and the rest of the document where only the first layer's is here. */
  const openSettings = async (doc: FirstDocument): Promise<void> => {
    const wanted = screen.wish();
    const script = prepare();
    const whole = isWhole(doc) ? doc : await ask(host, doc.lang, '&again=1');
    const make = await script;
    if (!wanted()) return;
    if (!whole || !isWhole(whole) || !make) return screen.say(doc.texts.error_offline!);
    asked.doc = whole;
    screen.settings(make(whole, base, gpc, asked.choices, state().status === 'granted', acts, screen.dialog()));
  };

  /** Asks the collector what to ask, and shows it in the layer that is open, or in the right one. */
  const show = async (lang: string, again: boolean): Promise<void> => {
    const wanted = screen.wish();
    const decided = !!state().raw;
    const first = !decided && !screen.dialog();
    const doc = (STYLE && first && !again && brought(host, lang)) || (await ask(host, lang, (again ? '&again=1' : '') + (first ? '&layer=1' : '')));
    await style;
    if (!doc || !wanted()) return;
    if (!asked.doc) dress(screen.root, doc);
    asked.doc = doc;
    if (!again) untick();
    screen.root.lang = doc.lang;
    screen.root.setAttribute('aria-label', doc.texts.title ?? '');
    if (!decided) screen.layer(firstLayer(doc, base, gpc, acts));
    if (decided || screen.dialog()) await openSettings(doc);
  };

  let opening: Promise<void> | undefined;
  const open = (): void => void (opening ??= look().finally(() => (opening = undefined)));
  const look = async (): Promise<void> => {
    const bar = screen.bar();
    if (screen.dialog()) return;
    if (bar?.hidden === false) return bar.querySelector<HTMLElement>('[data-kelisim-action]')?.focus();
    await show(firstOf(lang, spoken), false);
    const { doc } = asked;
    const best = doc && firstOf(lang, doc.langs);
    if (best && best !== doc.lang) await show(best, true);
  };

  return {
    open,
    ask: () => state().raw || open(),
    close: () => screen.hide(),
    withdraw: () => (state().status === 'granted' ? decide('withdraw') : log('nothing to withdraw')),
  };
}

/** Gives the banner the site's own place and colours, once. */
function dress(root: HTMLElement, { place, style }: FirstDocument): void {
  if (place) root.className = place;
  if (style) adopt(style); // an old browser has the default colours
}

/** What carries out an act of the visitor. @param renew asks anew when the edition is out of date */
function sender(
  host: Host,
  asked: Asked,
  screen: ReturnType<typeof surface>,
  renew: (lang: string) => Promise<void>,
): (action: Action) => void {
  let pending = new AbortController();
  let sending: Promise<unknown> = Promise.resolve();
  const text = (key: TextKey): string => asked.doc?.texts[key] ?? '';

  const failed = (why: Failure, act?: () => void): void => {
    host.log('not saved yet', why);
    const bar = screen.bar();
    if (bar) bar.hidden = false;
    screen.say(text(why), act, text('retry'));
  };

  const send = async (decision: Decision, signal: AbortSignal): Promise<void> => {
    const delivery = await deliver(host, decision, failed, signal);
    host.log(decision.action, delivery);
    if (delivery === 'saved') {
      const was = host.state().purposes;
      window.kelisimBoot!.x = false;
      host.update();
      forget(host);
      // What was taken back may have left something, also where no tag waits.
      if (was.some((id) => !host.state().purposes.includes(id))) host.load('release', () => window.kelisimBoot!.r!(host, was));
      host.channel.postMessage(0);
      screen.hide();
      screen.say(text(`${host.state().status}_note` as TextKey) || text('saved')); // what is granted has no note of its own
    } else if (delivery === 'outdated' && asked.doc) {
      await renew(asked.doc.lang);
      failed('error_busy');
    }
  };

  return (action) => {
    const decision = decisionOf(host, action, asked.doc, asked.choices);
    window.kelisimBoot!.x = action !== 'accept_all';
    pending.abort();
    pending = new AbortController();
    const { signal } = pending;
    screen.hide(true);
    screen.say('');
    // One after another, so that the collector hears them in order.
    sending = sending.then(() => send(decision, signal)).catch((error: unknown) => host.log(error));
  };
}

let mounted: Record<BannerAct, () => void> | undefined;
window.kelisimBoot!.b = (host, act) => (mounted ??= mount(host))[act]();
