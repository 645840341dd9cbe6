/**
 * Kelisim for applications that are built: puts the loader into the page and gives
 * its interface with types. Nothing happens when this module is loaded, so that it
 * can also be loaded where there is no page.
 */

/** What a visitor decided. Until the loader has run there is no state. */
export interface State {
  readonly status: 'undecided' | 'granted' | 'refused' | 'withdrawn';
  /** Ids of the purposes and other items that are granted. */
  readonly purposes: readonly string[];
  /** Edition of the policy that was decided on. */
  readonly edition?: string;
  /** End of the decision, milliseconds since 1970. */
  readonly expires?: number;
  /** A Global Privacy Control signal was on when it was made. */
  readonly gpc?: boolean;
}

/** Properties of an event, as the policy declares them. */
export type Props = Readonly<Record<string, string | number | boolean>>;

/** Where the loader comes from, and the options of its tag. */
export interface Options {
  /** Address of the loader: "/kelisim/k.js", or the pinned one. */
  readonly src: string;
  /** Id of the site's policy. */
  readonly site: string;
  /** Language of the banner; otherwise the page's, or the browser's. */
  readonly lang?: string;
  /** Whether the banner shows itself when there is something to ask; otherwise open() does. */
  readonly auto?: boolean;
  /** Nonce of the page's Content Security Policy. */
  readonly nonce?: string;
  /** Integrity of a pinned loader. */
  readonly integrity?: string;
  /** Says in the console what is sent and what is dropped. */
  readonly debug?: boolean;
}

interface Api {
  q?: unknown[][];
  event?: (name: string, props?: Props) => void;
  open?: () => void;
  withdraw?: () => void;
  state?: () => State | undefined;
}

const page = (): { kelisim?: Api } => window as unknown as { kelisim?: Api };

/** Calls the loader, or leaves the call for it. */
function call(method: 'event' | 'open' | 'withdraw', ...args: unknown[]): void {
  if (typeof window === 'undefined') return;
  const api = (page().kelisim ??= { q: [] });
  const ready = api[method] as ((...args: unknown[]) => void) | undefined;
  if (ready) ready(...args);
  else (api.q ??= []).push([method, ...args]);
}

/** Puts the loader into the page, once. */
export function load({ src, site, lang, auto, nonce, integrity, debug }: Options): void {
  // Scripts of others have a data-site too, with names of their own.
  if (typeof document === 'undefined' || Array.from(document.scripts).some(({ dataset }) => dataset['site'] === site)) return;
  const script = document.createElement('script');
  script.async = true;
  script.dataset['site'] = site;
  if (lang !== undefined) script.dataset['lang'] = lang;
  if (auto === false) script.dataset['auto'] = 'false';
  if (debug) script.dataset['debug'] = '';
  if (nonce !== undefined) script.nonce = nonce;
  if (integrity !== undefined) {
    script.integrity = integrity;
    script.crossOrigin = 'anonymous';
  }
  script.src = src;
  document.head.append(script);
}

/** An event that the policy declares. Without a consent that permits it, it is dropped. */
export function event(name: string, props?: Props): void {
  call('event', name, props);
}

/** Opens the banner, or the settings once something was decided. */
export function open(): void {
  call('open');
}

/** Takes the consent back. */
export function withdraw(): void {
  call('withdraw');
}

/** What the visitor decided, or undefined until the loader has run. The same object until something changes. */
export function state(): State | undefined {
  return typeof window === 'undefined' ? undefined : page().kelisim?.state?.();
}

/** Calls back whenever the state changes, also the first time; what it returns ends that. */
export function onChange(listener: (state: State) => void): () => void {
  const heard = (change: Event): void => listener((change as CustomEvent<State>).detail);
  document.addEventListener('kelisim:change', heard);
  return () => document.removeEventListener('kelisim:change', heard);
}
