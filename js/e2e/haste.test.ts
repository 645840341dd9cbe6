/** Who is quicker than the network: pages that call early, clicks before an answer, other tabs; pages that stand in the way; and what is left then. */

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launch, until, visitor } from './browser.ts';
import { Fixture } from './fixture.ts';

let browser: Browser;
let fixture: Fixture;
let errors: string[];

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  errors = [];
  fixture = await new Fixture().open();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await fixture.close();
  expect(errors).toEqual([]);
});

async function fresh(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await visitor(browser, options)).newPage();
  page.on('pageerror', (error) => errors.push(error.stack ?? String(error)));
  return page;
}

async function visit(path: string): Promise<Page> {
  const page = await fresh();
  await page.goto(fixture.origin + path);
  return page;
}

/** Holds what the page asks for until it is let go; the number of requests so far. */
async function hold(page: Page, what: string): Promise<{ go: () => void; count: () => number }> {
  let count = 0;
  let go = (): void => undefined;
  const open = new Promise<void>((done) => (go = done));
  await page.route(what, async (route) => {
    count++;
    await open;
    await route.fallback();
  });
  return { go, count: () => count };
}

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]`);
const settle = (page: Page) => page.waitForTimeout(500);
const focused = (page: Page) =>
  page.evaluate(() => {
    const { dataset, id, textContent, localName } = document.activeElement as HTMLElement;
    return localName === 'body' ? 'body' : (dataset['kelisimAction'] ?? dataset['kelisimLang'] ?? (id || textContent));
  });
const mark = (edition: string) => `kelisim-state=1.${edition}...${Math.floor(Date.now() / 864e5) + 100}.0.r; path=/`;

describe.each([undefined, 'en'])('a page that calls before the loader is there (loader brings %s)', (asks) => {
  test('open() opens the banner, also where it is the only one that does', async () => {
    fixture.asks = asks;
    fixture.head = '<script>window.kelisim={q:[["open"]]}</script>';
    const page = await visit('/?lang=en&tag=data-auto="false"');
    await act(page, 'accept-all').waitFor();
    await settle(page);
  });

  test('a call that nobody knows does not stop those after it, and is said to who debugs', async () => {
    fixture.asks = asks;
    fixture.head = '<script>window.kelisim={q:[["nonsense",1],["open"]]}</script>';
    const lines: string[] = [];
    const page = await fresh();
    page.on('console', (line) => lines.push(line.text()));
    await page.goto(`${fixture.origin}/?lang=en&tag=data-debug data-auto="false"`);
    await act(page, 'accept-all').waitFor();
    expect(lines).toContain('kelisim: dropped nonsense');
  });

  test('open() and the banner itself ask once', async () => {
    fixture.asks = asks;
    fixture.head = '<script>window.kelisim={q:[["open"]]}</script>';
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    await settle(page);
    expect(fixture.seen.filter(({ path }) => path.includes('/v1/banner'))).toHaveLength(1);
  });

  test('withdraw() of who has not decided does nothing', async () => {
    fixture.asks = asks;
    fixture.head = '<script>window.kelisim={q:[["withdraw"]]}</script>';
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    expect(fixture.decisions).toEqual([]);
  });
});

test.each([undefined, 'en'])('a page that brings the loader twice has one banner and one page view (loader brings %s)', async (asks) => {
  fixture.asks = asks;
  fixture.head = '<script async src="/kelisim/k.js?again" data-site="shop"></script>';
  const page = await visit('/?lang=en');
  await act(page, 'accept-all').waitFor();
  await settle(page);
  expect(fixture.calledPaths.filter((path) => path.endsWith('k.js'))).toHaveLength(2);
  expect(await page.locator('.k-bar').count()).toBe(1);
  await act(page, 'accept-all').click();
  await until('the page view', () => fixture.events.length > 0);
  await page.evaluate(() => history.pushState(null, '', '/inside'));
  await until('the next', () => fixture.events.length > 1);
  await settle(page);
  expect(fixture.decisions).toHaveLength(1);
  expect(fixture.events.filter(({ name }) => name === 'pageview')).toHaveLength(2);
});

describe('quicker than the network', () => {
  test('who has decided in another tab is not asked by a question that comes late', async () => {
    const page = await fresh();
    const question = await hold(page, '**/v1/banner?*');
    await page.goto(`${fixture.origin}/?lang=en`);
    await until('the question', () => question.count() > 0);
    await page.evaluate((cookie) => {
      document.cookie = cookie;
      document.dispatchEvent(new Event('visibilitychange'));
    }, mark(fixture.edition));
    await page.locator('#kelisim-open').waitFor();
    question.go();
    await settle(page);
    expect(await page.locator('#kelisim').count()).toBe(0);
  });

  test('who has decided in another tab before the banner came sees no settings that nobody asked for', async () => {
    const page = await fresh();
    const script = await hold(page, '**/banner.js');
    await page.goto(`${fixture.origin}/?lang=en`);
    await until('the banner', () => script.count() > 0);
    await page.evaluate((cookie) => {
      document.cookie = cookie;
      document.dispatchEvent(new Event('visibilitychange'));
    }, mark(fixture.edition));
    await page.locator('#kelisim-open').waitFor();
    script.go();
    await settle(page);
    expect(await page.locator('#kelisim').count()).toBe(0);
  });

  test('settings that come after the decision are not shown', async () => {
    const page = await visit('/?lang=en');
    const script = await hold(page, '**/settings.js');
    await act(page, 'customise').click();
    await act(page, 'accept-all').click();
    await page.locator('#kelisim-open').waitFor();
    script.go();
    await settle(page);
    expect(await page.locator('dialog').count()).toBe(0);
  });

  test('of two languages the last one that was wanted is spoken', async () => {
    const page = await visit('/?lang=kk');
    await act(page, 'accept-all').waitFor();
    const slow = await hold(page, '**/v1/banner?*lang=ru*');
    await page.locator('[data-kelisim-lang=ru]').click();
    await page.locator('[data-kelisim-lang=en]').click();
    await page.getByText('We ask for your consent').waitFor();
    slow.go();
    await settle(page);
    expect(await page.locator('#kelisim').getAttribute('lang')).toBe('en');
  });

  test('a language that comes after a decision does not bring the banner back', async () => {
    const page = await visit('/?lang=kk');
    await act(page, 'accept-all').waitFor();
    const slow = await hold(page, '**/v1/banner?*lang=ru*');
    await page.locator('[data-kelisim-lang=ru]').click();
    await act(page, 'refuse-all').click();
    await page.locator('#kelisim-open').waitFor();
    slow.go();
    await settle(page);
    expect(await act(page, 'accept-all').count()).toBe(0);
  });

  test('a click on the way back before the page is there is no error, and one after it opens the banner', async () => {
    const page = await fresh();
    await page.route(`${fixture.origin}/slow`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: '<!doctype html><html lang="en"><script src="/kelisim/k.js" data-site="shop" data-auto="false"></script><button id="kelisim-open">Privacy</button><script src="/kelisim/adapters/google.js"></script>',
      }),
    );
    const late = await hold(page, '**/google.js');
    await page.goto(`${fixture.origin}/slow`, { waitUntil: 'commit' });
    await page.locator('#kelisim-open').click();
    await settle(page);
    expect(fixture.calledPaths).toContain('/kelisim/a/0/banner.js');
    late.go();
    await page.waitForLoadState();
    await page.locator('#kelisim-open').click();
    await act(page, 'accept-all').waitFor();
  });
});

describe('pages that stand in the way', () => {
  test('a click that is made up for the document is no error', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    await page.evaluate(() => {
      document.dispatchEvent(new Event('click', { bubbles: true }));
      dispatchEvent(new Event('click'));
    });
  });

  test('a banner that the page has taken out comes back with open()', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    await page.evaluate(() => {
      document.body.replaceChildren(document.createElement('main'));
      (window as never as { kelisim: { open(): void } }).kelisim.open();
    });
    await act(page, 'accept-all').waitFor({ timeout: 3000 });
  });
});

describe('the keyboard', () => {
  test('is where the settings were opened from, also after another language', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'customise').click();
    await page.locator('dialog [data-kelisim-lang=ru]').click();
    await page.locator('dialog').getByText('Настройки').first().waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(await focused(page)).toBe('customise');
  });

  test('stays on the button that tries again', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    fixture.trouble = 503;
    await act(page, 'accept-all').click();
    await page.locator('.k-toast button').focus();
    const before = fixture.seen.length;
    await page.keyboard.press('Enter');
    await until('another attempt', () => fixture.seen.length > before);
    await settle(page);
    expect(await focused(page)).toBe('Try again');
  });
});

describe('what is left', () => {
  test('while a withdrawal cannot be brought home nothing more is sent, and nothing of it later', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').click();
    await until('the page view', () => fixture.events.length > 0);
    await settle(page);
    const sent = fixture.calls.length;
    await page.route('**/v1/consent', (route) => route.fulfill({ status: 503, body: '{}' }));
    await page.evaluate(() => (window as never as { kelisim: { withdraw(): void } }).kelisim.withdraw());
    await page.locator('.k-toast button').waitFor();
    await page.evaluate(() => {
      history.pushState(null, '', '/inside');
      (window as never as { kelisim: { event(name: string): void } }).kelisim.event('late');
      Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    });
    await page.waitForTimeout(900);
    await page.unroute('**/v1/consent'); // the next attempt comes by itself
    await until('the withdrawal', () => fixture.decisions.length === 2, 20_000);
    await settle(page);
    expect(fixture.calls).toHaveLength(sent);
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  });

  test('a choice that changes nothing lets telemetry go on', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').click();
    await until('the page view', () => fixture.events.length > 0);
    await page.locator('#kelisim-open').click();
    await act(page, 'save').click();
    await until('the decision', () => fixture.decisions.length === 2);
    await settle(page);
    await page.evaluate(() => history.pushState(null, '', '/inside'));
    await until('another page view', () => fixture.events.filter(({ name }) => name === 'pageview').length === 2);
  });

  test('a withdrawal takes the session away also where telemetry could not be loaded', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').click();
    await until('the page view', () => fixture.events.length > 0);
    await page.route('**/telemetry.js*', (route) => route.abort());
    await page.goto(`${fixture.origin}/second`);
    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw').click();
    await until('the withdrawal', () => fixture.decisions.length === 2);
    await settle(page);
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  });

  test('a decision that the collector did not take and could not ask anew can be made again', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    await page.route('**/v1/consent', (route) => route.fulfill({ status: 409, body: '{}' }));
    await page.route('**/v1/banner?*', (route) => route.abort());
    await act(page, 'accept-all').click();
    await page.locator('.k-toast p:not(:empty)').waitFor();
    expect(await act(page, 'accept-all').isVisible()).toBe(true);
  });
});
