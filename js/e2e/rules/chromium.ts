/** The system's Chromium, by playwright-core. */

import { existsSync } from 'node:fs';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import type { Engine, Key, Setting, Tab, Visitor } from './engine.ts';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
// The headless browser would name itself so, and be taken for a robot.
const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';

/** Starts it behind a proxy. */
export async function startChromium(proxy: number): Promise<Engine> {
  const executablePath = process.env['KELISIM_CHROMIUM'] ?? places.find((place) => existsSync(place));
  if (!executablePath) throw new Error('no Chromium: install the package "chromium" or set KELISIM_CHROMIUM');
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', `--proxy-server=http://127.0.0.1:${proxy}`],
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    timeout: 20_000,
  });
  return {
    name: 'chromium',
    version: browser.version(),
    abilities: new Set(['media', 'prerender', 'noscript']),
    async visitor({ javaScript = true, media = {} }: Setting = {}) {
      const context = await browser.newContext({ locale: 'en-GB', userAgent, javaScriptEnabled: javaScript, ...media });
      context.setDefaultTimeout(20_000);
      return visitor(context);
    },
    close: () => browser.close(),
  };
}

function visitor(context: BrowserContext): Visitor {
  return {
    tab: async () => tab(await context.newPage()),
    cookies: async () => context.cookies(),
    close: () => context.close(),
  };
}

const keys: Record<Key, string> = { Tab: 'Tab', 'Shift+Tab': 'Shift+Tab', Enter: 'Enter', Escape: 'Escape', Space: 'Space' };

function tab(page: Page): Tab {
  return {
    go: async (url) => void (await page.goto(url)),
    back: async () => void (await page.goBack({ waitUntil: 'commit' })),
    run: (what, ...args) => page.evaluate(`(${what.toString()})(...${JSON.stringify(args)})`),
    click: (selector) => page.locator(`${selector} >> visible=true`).first().click(),
    press: (key) => page.keyboard.press(keys[key]),
    size: (width, height) => page.setViewportSize({ width, height }),
    close: () => page.close(),
  };
}
