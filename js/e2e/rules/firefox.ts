/** Debian's Firefox, by puppeteer-core and WebDriver BiDi. */

import { existsSync } from 'node:fs';
import { launch, type Browser, type BrowserContext, type ElementHandle, type KeyInput, type Page } from 'puppeteer-core';
import { visible, type Engine, type Key, type Setting, type Tab, type Visitor } from './engine.ts';
import { pause, until } from './until.ts';

const places = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];

function start(executablePath: string, proxy: number, javaScript: boolean): Promise<Browser> {
  return launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    timeout: 60_000,
    extraPrefsFirefox: {
      'javascript.enabled': javaScript,
      'network.proxy.type': 1,
      'network.proxy.http': '127.0.0.1',
      'network.proxy.http_port': proxy,
      'network.proxy.ssl': '127.0.0.1',
      'network.proxy.ssl_port': proxy,
      'intl.accept_languages': 'en-GB',
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'accessibility.tabfocus': 7,
    },
  });
}

/** Starts it behind a proxy. A visitor without JavaScript has a browser of their own. */
export async function startFirefox(proxy: number): Promise<Engine> {
  const executablePath = process.env['KELISIM_FIREFOX'] ?? places.find((place) => existsSync(place));
  if (!executablePath) throw new Error('no Firefox: install the package "firefox-esr" or set KELISIM_FIREFOX');
  const browser = await start(executablePath, proxy, true);
  return {
    name: 'firefox',
    version: (await browser.version()).replace(/^firefox\//i, ''),
    abilities: new Set(['noscript']),
    async visitor({ javaScript = true }: Setting = {}) {
      if (javaScript) return visitor(await browser.createBrowserContext());
      const other = await start(executablePath, proxy, false);
      return { ...visitor(await other.createBrowserContext()), close: () => other.close() };
    },
    close: () => browser.close(),
  };
}

function visitor(context: BrowserContext): Visitor {
  return {
    async tab() {
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      return tab(page);
    },
    cookies: async () => (await context.cookies()).map(({ name, value, httpOnly }) => ({ name, value, httpOnly: httpOnly ?? false })),
    close: () => context.close(),
  };
}

function tab(page: Page): Tab {
  return {
    go: async (url) => void (await page.goto(url)),
    async back() {
      // A page that comes back whole does not load, so nothing is waited for.
      await page.evaluate(() => history.back());
      await pause(300);
    },
    run: async (what, ...args) => (await page.evaluate(what as never, ...(args as unknown as never[]))) as never,
    async click(selector) {
      let found: ElementHandle | null = null;
      await until(`${selector} is visible`, async () => {
        found = (await page.evaluateHandle(visible, selector)).asElement() as ElementHandle | null;
        return found !== null;
      });
      await found!.click();
    },
    async press(key: Key) {
      if (key !== 'Shift+Tab') return page.keyboard.press(key === 'Space' ? ' ' : (key as KeyInput));
      await page.keyboard.down('Shift');
      await page.keyboard.press('Tab');
      await page.keyboard.up('Shift');
    },
    size: (width, height) => page.setViewport({ width, height }),
    close: () => page.close(),
  };
}
