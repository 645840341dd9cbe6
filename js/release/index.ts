/**
 * Tags that wait for a purpose, and what is left in the browser when a purpose is
 * taken back. Fetched only where there is something of the one or the other.
 *
 *   <script type="text/plain" data-kelisim="marketing" src="https://…"></script>
 *   <script type="text/plain" data-kelisim="marketing" data-kelisim-type="module">…</script>
 *   <iframe data-kelisim="marketing" data-kelisim-src="https://…"></iframe>
 *   <img data-kelisim="analytics marketing" data-kelisim-src="https://…">
 *   <link data-kelisim="marketing" rel="stylesheet" data-kelisim-href="https://…">
 */

import { firstOf } from '../banner/language.ts';
import type { Host, TrustedPolicy } from '../contract/boot.ts';
import { readKept, type Kept } from '../contract/services.ts';
import type { State } from '../contract/state.ts';
import { clear } from './clear.ts';
import { cover, smallest } from './frame.ts';
import { mayStart, needs, start, waitingTags } from './tags.ts';
import { frameTexts } from './texts.ts';

/** A frame that loaded, and what it would take to make it wait again. */
interface Loaded {
  readonly frame: HTMLIFrameElement;
  readonly address: string;
}

const same = (text: string): string => text;
const rules = { createScriptURL: same, createScript: same };
const boot = window.kelisimBoot!;

function mount(host: Host, was: readonly string[]): () => void {
  const { base, log, script, state } = host;
  const { site = '', nonce = script.nonce ?? '' } = script.dataset;
  const trusted = (): TrustedPolicy => (boot.p ??= window.trustedTypes?.createPolicy('kelisim', rules) ?? rules);
  const lang = firstOf(script.dataset['lang'], Object.keys(frameTexts));
  const covers = new Map<HTMLElement, () => void>();
  const refused = new WeakSet<HTMLElement>();
  let loaded: Loaded[] = [];
  let seen: State | undefined;
  let running = false;
  let again = false;
  let tidied = false;
  let owed = false; // something was taken back in this page, and what it left is not cleared yet
  let asked: Promise<Kept | void> | undefined;
  let names: Kept | undefined;

  /** What the services keep, asked for once; undefined when the collector is away, until something else is decided. */
  const kept = (): Promise<Kept | void> =>
    (asked ??= fetch(`${base}v1/services?site=${encodeURIComponent(site)}`)
      .then(async (answer) => (names = readKept(await answer.json())))
      .catch((error: unknown) => void log('cannot ask for the services', error)));

  /**
   * The purposes whose tags may start. A privacy signal that the visitor had not
   * overridden when they decided holds back what it lowers, as at the collector;
   * and everything, as long as it is not known what that is.
   */
  const allowed = async (): Promise<readonly string[]> => {
    const now = state();
    if (navigator.globalPrivacyControl !== true || !now.purposes[0] || ('gpc' in now && now.gpc)) return now.purposes;
    await kept();
    const lowered = names?.gpc;
    return state() === now && lowered ? now.purposes.filter((id) => !lowered.includes(id)) : [];
  };

  /** Words take the place of a waiting frame as soon as it has one. */
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const frame = target as HTMLIFrameElement;
      const address = frame.dataset['kelisimSrc'];
      if (address === undefined || covers.has(frame) || contentRect.width < smallest || contentRect.height < smallest) continue;
      const once = (): void => {
        void begin(frame);
        frame.focus();
      };
      const always = (): void => (window.kelisim as { open(): void }).open();
      sizes.unobserve(frame); // or the page would hear of a loop: what covers it hides it
      covers.set(frame, cover(frame, address, lang, frameTexts[lang]!, { once, always }));
    }
  });

  const uncover = (frame: HTMLElement): void => {
    sizes.unobserve(frame);
    covers.get(frame)?.();
    covers.delete(frame);
  };

  const begin = (tag: HTMLElement): Promise<unknown> | undefined => {
    uncover(tag);
    if (tag instanceof HTMLIFrameElement) loaded.push({ frame: tag, address: tag.dataset['kelisimSrc']! });
    log('started', tag);
    return start(tag, nonce, trusted);
  };

  const coverFrames = (): void => {
    for (const frame of covers.keys()) if (!frame.isConnected) uncover(frame);
    for (const tag of waitingTags()) if (tag instanceof HTMLIFrameElement) sizes.observe(tag); // again is as good as once
  };

  /** Starts the first tag that may; false when there is none. */
  const step = async (): Promise<boolean> => {
    const ids = await allowed();
    const next = waitingTags().find((tag) => !refused.has(tag) && needs(tag).every((id) => ids.includes(id)));
    if (!next) return false;
    try {
      if (!mayStart(next, nonce)) throw new Error('does not carry the nonce of the page');
      await begin(next);
    } catch (error) {
      refused.add(next);
      log('cannot start', next, error);
    }
    return true;
  };

  /** Starts what may start, one tag after another; one that came meanwhile has its turn. */
  const run = async (): Promise<void> => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      while (await step());
      coverFrames();
    }
    running = false;
  };

  /** Makes the frames wait again that have loaded for a purpose that is no longer granted. */
  const unload = (): void => {
    const { purposes } = state();
    loaded = loaded.filter(({ frame, address }) => {
      if (needs(frame).every((id) => purposes.includes(id))) return true;
      const { parentNode, nextSibling } = frame;
      frame.remove();
      frame.removeAttribute('src');
      frame.dataset['kelisimSrc'] = address;
      parentNode?.insertBefore(frame, nextSibling);
      return false;
    });
  };

  /** Clears what must not stay, and again when the page goes: scripts that run go on writing. */
  const tidy = async (): Promise<void> => {
    await kept();
    const declared = names;
    if (!declared) return;
    const act = (): Promise<void> => clear(declared, state().purposes);
    await act();
    if (!owed) return;
    owed = false;
    addEventListener('pagehide', () => void act());
    if (declared.reload) location.reload();
  };

  // The loader tells of tags that are added; a framework may set their attributes later.
  new MutationObserver(() => void run()).observe(document, { subtree: true, attributeFilter: ['data-kelisim', 'data-kelisim-src'] });

  return () => {
    const now = state();
    if (now !== seen) {
      if ((seen?.purposes ?? was).some((id) => !now.purposes.includes(id))) {
        owed = true;
        unload();
      }
      seen = now;
      tidied = false;
      if (!names) asked = undefined;
    }
    void run();
    const waits = (): boolean => waitingTags().some((tag) => !needs(tag).every((id) => now.purposes.includes(id)));
    if (!tidied && (owed || (now.raw && waits()))) {
      tidied = true;
      void tidy();
    }
  };
}

let look: (() => void) | undefined;
boot.r = (host, was = []) => (look ??= mount(host, was))();
