/** The system's Chromium, driven by playwright-core. */

import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts the browser; KELISIM_CHROMIUM names another one. */
export async function launch(): Promise<Browser> {
  const executablePath = process.env['KELISIM_CHROMIUM'] ?? places.find((place) => existsSync(place));
  if (!executablePath) throw new Error('no Chromium: install the package "chromium" or set KELISIM_CHROMIUM');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'], timeout: 20_000 });
}

/** A new visitor: a fresh profile that reports every attempt to write to storage. */
export async function visitor(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'kk-KZ', ...options });
  context.setDefaultTimeout(10_000);
  await context.addInitScript(() => {
    const writes: string[] = [];
    Object.defineProperty(window, 'storageWrites', { value: writes });
    const watch = (owner: object, name: string): void => {
      const original = (owner as Record<string, (...args: unknown[]) => unknown>)[name]!;
      (owner as Record<string, unknown>)[name] = function (this: unknown, ...args: unknown[]) {
        writes.push(`${name} ${String(args[0])}`);
        return original.apply(this, args);
      };
    };
    watch(Storage.prototype, 'setItem');
    watch(IDBFactory.prototype, 'open');
    if (window.caches) watch(CacheStorage.prototype, 'open');
    const cookie = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
    Object.defineProperty(document, 'cookie', {
      get: () => cookie.get!.call(document) as string,
      set: (value: string) => {
        writes.push(`cookie ${value}`);
        cookie.set!.call(document, value);
      },
    });
    const violations: string[] = [];
    Object.defineProperty(window, 'violations', { value: violations });
    document.addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return context;
}

/** Everything the page's origin has stored. */
export async function stored(page: Page): Promise<{ cookies: string[]; local: string[]; session: number; databases: number; writes: string[] }> {
  const cookies = (await page.context().cookies()).map(({ name }) => name).sort();
  const rest = await page.evaluate(async () => ({
    local: Object.keys(localStorage),
    session: sessionStorage.length,
    databases: (await indexedDB.databases()).length,
    writes: [...(window as unknown as { storageWrites: string[] }).storageWrites],
  }));
  return { cookies, ...rest };
}

/** Waits until something holds, in this process. */
export async function until(what: string, holds: () => boolean, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((next) => setTimeout(next, 25));
  }
}
