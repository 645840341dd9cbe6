/** The banner: asks, brings the answer to the collector, and shows how to change it. */

import { isWhole, type FirstDocument, type TextKey } from '../contract/banner.ts';
import type { BannerAct, Host } from '../contract/boot.ts';
import type { Action, Decision } from '../contract/consent.ts';
import { ask, brought } from './ask.ts';
import { decisionOf, gpc } from './decision.ts';
import { deliver, type Failure } from './deliver.ts';
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
  const { base, load, log, state } = host;
  setTimeout(forget, 300, host); // the banner is to be seen first
  const asked: Asked = { doc: undefined, choices: {} };
  const untick = (): void => {
    asked.choices = asked.doc && isWhole(asked.doc) ? { ...asked.doc.choices } : {};
  };
  const screen = surface(untick);
  const style = loadStyle('banner', host, screen.root);

  const decide = sender(host, asked, screen, (lang) => show(lang, true));

  /** Loads the settings' script and their style sheet; nothing when they do not come in time. */
  const prepare = (): Promise<Awaited<ReturnType<Settings>> | void> =>
    new Promise((ready) => {
      load('settings', () => ready(window.kelisimBoot!.s!(host)));
      setTimeout(ready, 1e4);
    });

  const acts: Acts = {
    decide,
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
    if (!whole || !isWhole(whole) || !make) return screen.say(doc.texts.error_offline);
    asked.doc = whole;
    screen.settings(make(whole, base, gpc, asked.choices, state().status === 'granted', acts, screen.dialog()));
  };

  /** Asks the collector what to ask, and shows it in the layer that is open, or in the right one. */
  const show = async (lang: string | undefined, again: boolean): Promise<void> => {
    const wanted = screen.wish();
    const decided = !!state().raw;
    const first = !decided && !screen.dialog();
    const doc = (STYLE && first && !again && brought(host)) || (await ask(host, lang, (again ? '&again=1' : '') + (first ? '&layer=1' : '')));
    await style;
    if (!doc || !wanted()) return;
    take(asked, screen.root, doc);
    if (!again) untick();
    if (!decided) screen.layer(firstLayer(doc, base, gpc, acts));
    if (decided || screen.dialog()) await openSettings(doc);
  };

  let opening: Promise<void> | undefined;
  const open = (): void => void (opening ??= look().finally(() => (opening = undefined)));
  const look = async (): Promise<void> => {
    const bar = screen.bar();
    if (screen.dialog()) return;
    if (bar?.hidden === false) return bar.querySelector<HTMLElement>('[data-kelisim-action]')?.focus();
    await show(undefined, false);
  };

  return {
    open,
    ask: () => state().raw || open(),
    close: () => screen.hide(),
    withdraw: () => (state().status === 'granted' ? decide('withdraw') : log('nothing to withdraw')),
  };
}

/** Takes over what is asked; the first time the site's own place and colours with it. */
function take(asked: Asked, root: HTMLElement, doc: FirstDocument): void {
  const { lang, place, style, texts } = doc;
  if (!asked.doc) {
    if (place) root.className = place;
    if (style) adopt(style, root); // an old browser has the default colours
  }
  asked.doc = doc;
  root.lang = lang;
  root.setAttribute('aria-label', texts.settings);
}

/** What carries out an act of the visitor. @param renew asks anew when the edition is out of date */
function sender(
  host: Host,
  asked: Asked,
  screen: ReturnType<typeof surface>,
  renew: (lang: string | undefined) => Promise<void>,
): (action: Action) => void {
  let pending = new AbortController();
  let sending: Promise<unknown> = Promise.resolve();
  let told = 0;

  /** Says a text. One that the first layer's document lacks, or that of a page where nothing was asked, is fetched. */
  const tell = async (key: TextKey, retry?: () => void): Promise<void> => {
    const mine = ++told;
    const doc = asked.doc?.texts[key] ? asked.doc : (await ask(host, asked.doc?.lang, '&again=1')) ?? asked.doc;
    if (!doc || mine !== told) return;
    if (!asked.doc) take(asked, screen.root, doc);
    screen.say(doc.texts[key] ?? doc.texts.saved, retry, doc.texts.retry);
  };

  const send = async (decision: Decision, signal: AbortSignal): Promise<void> => {
    const failed = (why: Failure, retry?: () => void): void => {
      host.log('not saved yet', why);
      screen.bar()?.removeAttribute('hidden');
      void tell(why, retry);
    };
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
      const { status } = host.state();
      void tell(status === 'granted' ? 'saved' : `${status as 'refused' | 'withdrawn'}_note`); // nothing waits for it
    } else if (delivery === 'outdated') {
      await renew(asked.doc?.lang);
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
    told++;
    screen.say('');
    // One after another, so that the collector hears them in order.
    sending = sending.then(() => send(decision, signal)).catch((error: unknown) => host.log(error));
  };
}

let mounted: Record<BannerAct, () => void> | undefined;
window.kelisimBoot!.b = (host, act) => (mounted ??= mount(host))[act]();
