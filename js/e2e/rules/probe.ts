/**
 * The first script of each page: it writes down what is read and stored through
 * interfaces that need consent, errors, and violations of the page's policy. It
 * is handed to the page as text, so it stands alone.
 */

/** What the probe of a page has seen. */
export interface Seen {
  readonly writes: string[];
  readonly reads: string[];
  readonly errors: string[];
  readonly violations: string[];
  /** How often the page came back from the cache of whole pages. */
  persisted: number;
  /** What the visitor's state became, and when. */
  readonly states: [status: string, at: number][];
}

declare global {
  interface Window {
    probe: Seen;
    /** Milliseconds between the page's clock and the true one. */
    shift: number;
  }
}

/** Runs in the page. */
export function probe(): void {
  const { now } = Date;
  const seen: Seen = { writes: [], reads: [], errors: [], violations: [], persisted: 0, states: [] };
  Object.defineProperty(window, 'probe', { value: seen });
  window.shift = Number(new URLSearchParams(location.search).get('shift'));
  Date.now = () => now() + window.shift;
  addEventListener('error', ({ message }) => seen.errors.push(message));
  addEventListener('unhandledrejection', ({ reason }) => seen.errors.push(String(reason)));
  addEventListener('pageshow', ({ persisted }) => (seen.persisted += persisted ? 1 : 0));
  document.addEventListener('kelisim:change', (event) => seen.states.push([(event as CustomEvent<{ status: string }>).detail.status, now()]));
  document.addEventListener('securitypolicyviolation', (event) => seen.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));

  type Any = Record<string, (...args: unknown[]) => unknown>;
  const calls = (list: string[], owner: object | undefined, ...names: string[]): void => {
    for (const name of names) {
      const original = owner && (owner as Any)[name];
      if (!original) continue;
      (owner as Any)[name] = function (this: unknown, ...args: unknown[]) {
        list.push(`${name} ${String(args[0])}`);
        return original.apply(this, args);
      };
    }
  };
  const gets = (owner: object | undefined, ...names: string[]): void => {
    for (const name of names) {
      const found = owner && Object.getOwnPropertyDescriptor(owner, name);
      if (!found?.get || !found.configurable) continue;
      const { get } = found;
      Object.defineProperty(owner, name, {
        ...found,
        get(this: unknown) {
          seen.reads.push(name);
          return get.call(this) as unknown;
        },
      });
    }
  };
  const of = (name: string): object | undefined => (window as never as Record<string, { prototype: object } | undefined>)[name]?.prototype;

  calls(seen.writes, Storage.prototype, 'setItem');
  calls(seen.writes, IDBFactory.prototype, 'open');
  calls(seen.writes, of('CacheStorage'), 'open');
  calls(seen.writes, of('ServiceWorkerContainer'), 'register');
  const cookie = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
  Object.defineProperty(Document.prototype, 'cookie', {
    ...cookie,
    set(this: Document, value: string) {
      seen.writes.push(`cookie ${value}`);
      cookie.set!.call(this, value);
    },
  });

  calls(seen.reads, of('HTMLCanvasElement'), 'getContext', 'toDataURL', 'toBlob');
  calls(seen.reads, of('NavigatorUAData'), 'getHighEntropyValues');
  calls(seen.reads, of('FontFaceSet'), 'check');
  calls(seen.reads, of('Navigator'), 'getBattery', 'getGamepads');
  calls(seen.reads, of('MediaDevices'), 'enumerateDevices');
  calls(seen.reads, of('OfflineAudioContext'), 'startRendering');
  gets(of('Screen'), 'width', 'height', 'availWidth', 'availHeight', 'colorDepth', 'pixelDepth');
  gets(of('Navigator'), 'plugins', 'mimeTypes', 'hardwareConcurrency', 'deviceMemory', 'connection', 'userAgentData', 'userAgent', 'platform', 'oscpu', 'maxTouchPoints');
}
