/** Telemetry after a consent, against the fixture collector and the built files. */

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launch, stored, until, visitor } from './browser.ts';
import { Fixture } from './fixture.ts';

let browser: Browser;
let fixture: Fixture;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  fixture = await new Fixture().open();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await fixture.close();
});

interface Kelisim {
  event(name: string, props?: Record<string, unknown>): void;
  on(name: 'change', fn: (state: { status: string }) => void): void;
}

/** A visitor who has accepted. */
async function consenting(path = '/', query = ''): Promise<Page> {
  const page = await (await visitor(browser)).newPage();
  page.on('pageerror', (error) => expect.unreachable(error.stack ?? String(error)));
  await page.goto(fixture.origin + path + query);
  await page.locator('[data-kelisim-action=accept-all]').click();
  await until('the page view', () => fixture.events.length > 0);
  return page;
}

const named = (name: string) => fixture.events.filter((event) => event.name === name);
const paths = () => named('pageview').map(({ url }) => new URL(url!).pathname);

/** Hides the page as another tab in front of it would. */
async function turn(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    Object.defineProperty(document, 'visibilityState', { value: value ? 'hidden' : 'visible', configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, hidden);
}

test('navigation inside the page is a page view, once per path', async () => {
  const page = await consenting();
  await page.evaluate(() => {
    history.pushState({}, '', '/one');
    history.pushState({}, '', '/one?page=2');
    history.replaceState({}, '', '/one#part');
  });
  await until('the second page view', () => paths().length === 2);
  await page.evaluate(() => history.replaceState({}, '', '/two'));
  await until('the third', () => paths().length === 3);
  await page.evaluate(() => history.go(-2));
  await until('the fourth', () => paths().length === 4);
  expect(paths()).toEqual(['/', '/one', '/two', '/']);
  const numbers = named('pageview').map(({ seq }) => seq);
  expect(new Set(numbers).size).toBe(4);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
});

test('tabs share one session and never a number', async () => {
  const first = await consenting();
  const second = await first.context().newPage();
  await second.goto(`${fixture.origin}/second`);
  await until('its page view', () => fixture.events.length === 2);
  await first.evaluate(() => localStorage.clear());
  await second.waitForFunction(() => localStorage.length === 0);
  const start = Date.now() + 300;
  const fire = (page: Page) =>
    page.evaluate(async (at) => {
      for (let round = 0; round < 10; round++) {
        await new Promise((next) => setTimeout(next, at + round * 150 - 10 - Date.now()));
        while (Date.now() < at + round * 150);
        (window as never as { kelisim: Kelisim }).kelisim.event('both');
      }
    }, start);
  await Promise.all([fire(first), fire(second)]);
  await until('all events', () => named('both').length === 20);
  expect(new Set(named('both').map(({ session }) => session)).size).toBe(1);
  expect(named('both').map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test('engaged time is counted while the page is in front, and belongs to its page view', async () => {
  const page = await consenting();
  await page.waitForTimeout(500);
  await turn(page, true);
  await until('the engagement', () => named('engagement').length === 1);
  const first = named('engagement')[0]!;
  expect(first).toMatchObject({ seq: named('pageview')[0]!.seq, session: named('pageview')[0]!.session });
  expect(first.engaged).toBeGreaterThan(400);
  expect(first.url).toBeUndefined();
  await page.waitForTimeout(700);
  await turn(page, false);
  await page.waitForTimeout(200);
  await page.evaluate(() => history.pushState({}, '', '/next'));
  await until('the second engagement', () => named('engagement').length === 2);
  const second = named('engagement')[1]!;
  expect(second.seq).toBe(first.seq);
  expect(second.engaged).toBeGreaterThan(first.engaged! + 100);
  expect(second.engaged).toBeLessThan(first.engaged! + 600);
});

test('what waits is sent when the page is left', async () => {
  const page = await consenting();
  await page.evaluate(() => (window as never as { kelisim: Kelisim }).kelisim.event('order', { plan: 'family', seats: 3 }));
  await page.waitForTimeout(20);
  await page.goto('about:blank');
  await until('the event', () => named('order').length === 1);
  expect(named('order')[0]).toMatchObject({ props: { plan: 'family', seats: 3 } });
  await until('the engagement', () => named('engagement').length === 1);
});

test('calls before the loader came are replayed', async () => {
  const page = await consenting();
  await page.addInitScript(() => {
    addEventListener('DOMContentLoaded', () => {}, { once: true });
    const stub = { q: [['event', 'early', { a: 'b' }]] };
    Object.defineProperty(window, 'kelisim', { value: stub, writable: true, configurable: true });
  });
  await page.goto(`${fixture.origin}/second`);
  await until('the event', () => named('early').length === 1);
});

test('what did not arrive is sent again', async () => {
  const page = await consenting();
  fixture.trouble = 503;
  await page.evaluate(() => (window as never as { kelisim: Kelisim }).kelisim.event('later'));
  await until('a failure', () => fixture.seen.filter(({ path }) => path.endsWith('v1/events')).length > 1);
  fixture.trouble = 'none';
  await until('the event', () => named('later').length === 1, 10_000);
  expect(named('later')[0]!.ago).toBeGreaterThan(1000);
});

test('an answer that the consent is over ends it', async () => {
  const page = await consenting();
  fixture.drop = 'withdrawn';
  await page.evaluate(() => (window as never as { kelisim: Kelisim }).kelisim.event('one'));
  await until('the answer', () => fixture.calls.length === 2);
  await page.waitForFunction(() => localStorage.length === 0);
  await page.evaluate(() => {
    history.pushState({}, '', '/inside');
    (window as never as { kelisim: Kelisim }).kelisim.event('two');
  });
  await turn(page, true);
  await page.waitForTimeout(600);
  expect(fixture.calls).toHaveLength(2);
  expect((await stored(page)).local).toEqual([]);
});

test('a consent that ran out is not used, and the next page asks', async () => {
  const page = await consenting();
  await page.clock.install({ time: Date.now() + 200 * 864e5 });
  const calls = fixture.calls.length;
  await page.evaluate(() => history.pushState({}, '', '/inside'));
  await page.waitForTimeout(600);
  expect(fixture.calls.length).toBe(calls);
  await page.goto(`${fixture.origin}/second`);
  await page.locator('[data-kelisim-action=accept-all]').waitFor();
  await expect.poll(async () => (await stored(page)).local).toEqual([]);
});

test('a page that is only being prepared counts nothing', async () => {
  const page = await consenting();
  await page.addInitScript(() => {
    let prerendering = true;
    Object.defineProperty(Document.prototype, 'prerendering', { get: () => prerendering });
    Object.assign(window, {
      activate() {
        prerendering = false;
        document.dispatchEvent(new Event('prerenderingchange'));
      },
    });
  });
  await page.goto(`${fixture.origin}/second`);
  await page.waitForTimeout(600);
  expect(paths()).toEqual(['/']);
  await page.evaluate(() => (window as never as { activate(): void }).activate());
  await until('the page view', () => paths().length === 2);
});

test('data-debug says what was sent and what was dropped', async () => {
  const page = await (await visitor(browser)).newPage();
  const said: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  await page.goto(`${fixture.origin}/?tag=data-debug`);
  await page.locator('[data-kelisim-action=accept-all]').waitFor();
  await page.evaluate(() => (window as never as { kelisim: Kelisim }).kelisim.event('early'));
  await page.locator('[data-kelisim-action=accept-all]').click();
  await until('a word about sending', () => said.some((line) => line.startsWith('kelisim: sent')));
  expect(said).toContainEqual(expect.stringContaining('kelisim: dropped early'));
});

test('the page hears of every change', async () => {
  const page = await (await visitor(browser)).newPage();
  await page.addInitScript(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    document.addEventListener('kelisim:change', (event) => heard.push((event as CustomEvent<{ status: string }>).detail.status));
  });
  await page.goto(fixture.origin);
  await page.locator('[data-kelisim-action=accept-all]').waitFor();
  await page.evaluate(() => {
    const { kelisim, heard } = window as never as { kelisim: Kelisim; heard: string[] };
    kelisim.on('change', ({ status }) => heard.push(`on ${status}`));
  });
  await page.locator('[data-kelisim-action=accept-all]').click();
  await page.locator('#kelisim-open').click();
  await page.locator('[data-kelisim-action=withdraw]').click();
  await page.waitForFunction(() => (window as never as { heard: string[] }).heard.length === 5);
  expect(await page.evaluate(() => (window as never as { heard: string[] }).heard)).toEqual([
    'undecided', 'granted', 'on granted', 'withdrawn', 'on withdrawn',
  ]);
});

test('vitals are measured only where they are allowed, and reported once, with the page view they belong to', async () => {
  const without = await consenting();
  await turn(without, true);
  await until('the engaged time', () => named('engagement').length > 0);
  expect(named('vitals')).toEqual([]);
  expect(fixture.calledPaths).not.toContain('/kelisim/a/0/vitals.js');

  fixture.caps = 'pegv';
  const page = await consenting('/measured');
  await until('the script', () => fixture.calledPaths.includes('/kelisim/a/0/vitals.js'));
  await page.locator('body').click();
  await page.waitForTimeout(500);
  await turn(page, true);
  await until('the vitals', () => named('vitals').length > 0);
  await turn(page, false);
  await turn(page, true);
  await page.waitForTimeout(500);
  const [vitals, ...more] = named('vitals');
  expect(more).toEqual([]);
  expect(vitals!.seq).toBe(named('pageview').at(-1)!.seq);
  expect(vitals!.session).toBe(named('pageview').at(-1)!.session);
  expect(vitals!.url).toBeUndefined();
  expect(Object.keys(vitals!.props!).every((name) => ['lcp', 'inp', 'cls', 'ttfb', 'fcp'].includes(name))).toBe(true);
  expect(vitals!.props!.ttfb).toBeGreaterThanOrEqual(0);
});
