/**
 * First light: a real browser, the files that are served, the real collector and
 * the real database. KELISIM_E2E holds the addresses; the Go test in
 * cmd/kelisim/firstlight sets it.
 */

import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, stored, until, visitor } from './browser.ts';

interface Where {
  site: string;
  dashboard: string;
  sql: string;
  user: string;
  password: string;
}

const where = JSON.parse(process.env['KELISIM_E2E'] ?? '{}') as Where;
if (!where.site) throw new Error('run this through: go test ./cmd/kelisim/firstlight');

const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const day = 86_400_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function sql(query: string): Promise<string[][]> {
  const answer = await fetch(where.sql, { method: 'POST', body: query });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as string[][];
}

const count = async (query: string): Promise<number> => Number((await sql(query))[0]![0]);

/** Asks the database until an answer is right. */
async function eventually(what: string, right: () => Promise<boolean>, ms = 30_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await right())) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** A new profile that keeps a list of its requests. */
async function newcomer(locale: string): Promise<{ context: BrowserContext; page: Page; requests: Request[]; calls: () => string[] }> {
  const context = await visitor(browser, { locale, userAgent });
  const requests: Request[] = [];
  context.on('request', (request) => requests.push(request));
  const page = await context.newPage();
  const calls = (): string[] =>
    requests
      .map((request) => request.url())
      .filter((url) => !url.startsWith('data:'))
      .map((url) => url.replace(where.site, '').replace(/\?.*/, '').replace(/\/a\/[0-9a-f]{8}\//, '/a/'))
      .filter((path) => path.startsWith('/kelisim/') || path.startsWith('http'));
  return { context, page, requests, calls };
}

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]:visible`).first();

/** Settles: what could still be sent has been sent. */
const settle = (page: Page) => page.waitForTimeout(700);

async function browse(page: Page, lang: string): Promise<void> {
  for (const name of ['plans', 'files']) {
    await page.goto(`${where.site}/${lang}/${name}?utm_source=letter&secret=1#part`);
    await page.evaluate(() => history.pushState({}, '', `${location.pathname}/inside`));
    await settle(page);
  }
}

describe.each([
  ['kk', 'kk-KZ', 'Барлығын қабылдау'],
  ['ru', 'ru-KZ', 'Принять все'],
  ['en', 'en-GB', 'Accept all'],
])('%s', (lang, locale, accept) => {
  test('before a choice nothing is stored and nothing but loader and config is asked for', async () => {
    const { context, page, calls } = await newcomer(locale);
    await page.goto(`${where.site}/${lang}/`);
    await act(page, 'accept-all').waitFor();
    expect(await act(page, 'accept-all').textContent()).toBe(accept);
    expect(await page.locator('#kelisim').getAttribute('lang')).toBe(lang);
    await page.mouse.wheel(0, 500);
    await settle(page);
    await page.goto(`${where.site}/${lang}/about`);
    await act(page, 'accept-all').waitFor();
    await settle(page);
    expect(await stored(page)).toEqual({ cookies: [], local: [], session: 0, databases: 0, writes: [] });
    const allowed = new Set(['/kelisim/k.js', '/kelisim/a/banner.js', '/kelisim/a/banner.css', '/kelisim/v1/banner']);
    expect(calls().filter((path) => !allowed.has(path))).toEqual([]);
    expect(await page.evaluate(() => (window as unknown as { violations: string[] }).violations)).toEqual([]);
    await context.close();
  });

  test('everything up to the question fits into 7 KB on the wire, and a page of somebody who refused needs the loader and the way back', async () => {
    const { context, page, requests } = await newcomer(locale);
    const weight = async (): Promise<number> => {
      const ours = requests.splice(0).filter((request) => new URL(request.url()).pathname.startsWith('/kelisim/'));
      const sizes = await Promise.all(ours.map((request) => request.sizes()));
      return sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0);
    };
    await page.goto(`${where.site}/${lang}/`);
    await act(page, 'accept-all').waitFor();
    await settle(page);
    const first = await weight();
    expect(first).toBeGreaterThan(4000);
    expect(first).toBeLessThanOrEqual(7168);
    await act(page, 'refuse-all').click();
    await settle(page);
    requests.length = 0;
    await page.goto(`${where.site}/${lang}/about`);
    await settle(page);
    expect(requests.map((request) => new URL(request.url()).pathname.replace(/.*\//, '')).filter((name) => name.endsWith('.js') || name.endsWith('.css') || name === 'banner')).toEqual(
      expect.not.arrayContaining(['banner.js', 'banner.css', 'banner', 'telemetry.js', 'settings.js']),
    );
    await context.close();
  });

  test('after Refuse nothing is ever stored', async () => {
    const rows = await count('SELECT count() FROM events');
    const refused = await count("SELECT sum(n) FROM banner_counts WHERE kind = 'refused'");
    const consents = await count('SELECT count() FROM consents');
    const { context, page, calls } = await newcomer(locale);
    await page.goto(`${where.site}/${lang}/`);
    await act(page, 'refuse-all').click();
    await until('the refusal is marked', () => calls().includes('/kelisim/v1/consent'));
    await settle(page);
    await browse(page, lang);
    const kept = await stored(page);
    expect({ ...kept, writes: [] }).toEqual({ cookies: ['kelisim-state'], local: [], session: 0, databases: 0, writes: [] });
    expect(kept.writes).toEqual([]);
    expect(calls().filter((path) => path.includes('events') || path.includes('telemetry'))).toEqual([]);
    expect(await page.locator('#kelisim').isVisible()).toBe(false);
    await eventually('the refusal is counted', async () => (await count("SELECT sum(n) FROM banner_counts WHERE kind = 'refused'")) === refused + 1);
    expect(await count('SELECT count() FROM events')).toBe(rows);
    expect(await count('SELECT count() FROM consents')).toBe(consents);
    await context.close();
  });

  test('after Accept a page view is a row and shows on the dashboard; after Withdraw it is gone', async () => {
    const { context, page, requests } = await newcomer(locale);
    await page.goto(`${where.site}/${lang}/`);
    await act(page, 'accept-all').click();
    await until('the page view is sent', () => requests.some((request) => request.url().endsWith('/v1/events')));
    await browse(page, lang);
    const state = (await (await page.request.get(`${where.site}/kelisim/v1/consent?site=demo`)).json()) as { id: string; expires_at: string };
    const mine = `consent_id = '${state.id}'`;

    // Five page views: home, and two pages with a navigation inside each.
    await eventually('five rows', async () => (await count(`SELECT count() FROM events WHERE name = 'pageview' AND ${mine}`)) === 5);
    const [row] = await sql(
      `SELECT toString(ip), browser, os, device, path, utm_source, referrer, toUnixTimestamp64Milli(time), toUnixTimestamp(expires_at),
        session_id != toUUID('00000000-0000-0000-0000-000000000000') FROM events_full WHERE ${mine} AND path = '/${lang}/plans'`,
    );
    const [ip, family, os, device, path, source, referrer, time, expires, session] = row!;
    expect([ip, family, os, device, path, source, referrer]).toEqual(['::ffff:127.0.0.0', 'Chrome', 'Linux', 'desktop', `/${lang}/plans`, 'letter', '']);
    expect(session).toBeTruthy();
    const bound = Math.min(Number(time) + 90 * day, Date.parse(state.expires_at));
    expect(Number(expires) * 1000).toBe(Math.floor(bound / day) * day);

    await dashboardShows(lang);

    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw').click();
    await until('the withdrawal is sent', () => requests.some((request) => request.postData()?.includes('"withdraw"') ?? false));
    await eventually('the withdrawal stands', async () => (await count(`SELECT count() FROM consents WHERE state = 'ConsentWithdrawn' AND ${mine}`)) === 1);
    const sent = requests.filter((request) => request.url().endsWith('/v1/events')).length;
    await browse(page, lang);
    expect(requests.filter((request) => request.url().endsWith('/v1/events')).length).toBe(sent);
    expect(await stored(page)).toMatchObject({ cookies: ['kelisim-state'], local: [], session: 0, databases: 0 });

    await eventually('the erasure has its certificate', async () => (await count(`SELECT count() FROM erasures WHERE done_at IS NOT NULL AND ${mine}`)) === 1);
    expect(await count(`SELECT count() FROM events WHERE ${mine}`)).toBe(0);
    expect(await count(`SELECT count() FROM addresses WHERE ${mine}`)).toBe(0);
    await eventually('no inactive part is left', async () =>
      (await count("SELECT count() FROM system.parts WHERE database = 'kelisim' AND table IN ('events', 'addresses') AND NOT active")) === 0, 60_000);
    await context.close();
  });
});

test('what the policy declares is true of the demo: its services wait, keep what they say, and go with the withdrawal', async () => {
  const { context, page, requests } = await newcomer('kk-KZ');
  const asked = (path: string) => requests.filter((request) => request.url() === where.site + path).length;
  await page.goto(`${where.site}/kk/files`);
  await page.locator('.kelisim-frame').waitFor();
  await settle(page);
  expect(asked('/partner.html')).toBe(0);
  expect(await stored(page)).toEqual({ cookies: [], local: [], session: 0, databases: 0, writes: [] });
  await act(page, 'accept-all').click();
  const names = async () => (await stored(page)).cookies;
  await eventually('the cookies of the services', async () => (await names()).length === 5);
  expect(await names()).toEqual(['_example_ads', '_example_ads_files', 'example_stats', 'kelisim', 'kelisim-state']);
  expect(asked('/partner.html')).toBe(1);
  expect(await stored(page)).toMatchObject({ local: expect.arrayContaining(['example-stats']), session: 1, databases: 1 });
  await page.locator('#kelisim-open').click();
  await page.locator('[data-kelisim-item=marketing]').uncheck();
  await act(page, 'save').click();
  await eventually('the cookies of marketing are gone', async () => (await names()).length === 3);
  expect(await names()).toEqual(['example_stats', 'kelisim', 'kelisim-state']);
  await page.locator('.kelisim-frame').waitFor();
  await page.locator('#kelisim-open').click();
  await act(page, 'withdraw').click();
  await eventually('all is gone but the marker', async () => (await names()).join() === 'kelisim-state');
  expect(await stored(page)).toMatchObject({ local: [], session: 0, databases: 0 });
  expect(await page.evaluate(() => (window as unknown as { violations: string[] }).violations)).toEqual([]);
  await context.close();
});

test('the page of looks shows every banner at once, counts none of them, and records nothing', async () => {
  // Without the watch on cookies of other tests: the frames put one of their own in its place.
  const context = await browser.newContext({ locale: 'kk-KZ', userAgent });
  context.setDefaultTimeout(10_000);
  const requests: Request[] = [];
  context.on('request', (request) => requests.push(request));
  const page = await context.newPage();
  /** How often a banner was shown, once no count is on its way any more: the last three seconds brought none. */
  const shown = async (): Promise<number> => {
    const counted = () => count("SELECT sum(n) FROM banner_counts WHERE kind = 'shown'");
    for (let last = await counted(), since = Date.now(); ; await page.waitForTimeout(200)) {
      const now = await counted();
      if (now !== last) [last, since] = [now, Date.now()];
      if (Date.now() - since > 3000) return now;
    }
  };
  await page.goto(`${where.site}/kk/`);
  await act(page, 'refuse-all').click();
  await page.locator('#kelisim-open').waitFor();
  const cookies = (await context.cookies()).map(({ name }) => name);
  const before = await shown();
  requests.length = 0;
  await page.getByRole('link', { name: 'Баннердің барлық көрінісі' }).click();
  await page.locator('iframe').first().waitFor();
  const names = await page.locator('iframe').evaluateAll((frames) => frames.map((frame) => (frame as HTMLIFrameElement).title));
  expect(names).toHaveLength(48); // languages, places and the settings, themes, widths
  expect(new Set(names).size).toBe(48);
  // A frame is loaded when it comes near: one of each kind is looked at.
  for (const lang of ['kk', 'ru', 'en']) {
    for (const [place, selector] of [['bar', '#kelisim:not([class])'], ['box', '#kelisim.k-box'], ['corner', '#kelisim.k-corner'], ['settings', '#kelisim dialog']] as const) {
      if (lang !== 'kk' && place !== 'settings') continue;
      const backs: string[] = [];
      for (const theme of ['light', 'dark']) {
        const frame = page.locator(`.phone.${theme} iframe[src="/preview/${theme}/${lang}/${place}"]`);
        await frame.scrollIntoViewIfNeeded();
        const banner = frame.contentFrame().locator(place === 'bar' ? '#kelisim' : selector);
        await banner.waitFor();
        expect(await banner.evaluate((part) => part.closest('#kelisim')!.getAttribute('lang'))).toBe(lang);
        backs.push(await frame.contentFrame().locator('.k-card:not([hidden])').evaluate((card) => getComputedStyle(card).backgroundColor));
      }
      expect(backs).toEqual(['rgb(255, 255, 255)', 'rgb(23, 34, 43)']);
    }
  }
  expect(requests.filter((request) => request.method() !== 'GET')).toEqual([]);
  expect(requests.filter((request) => request.url().includes('/kelisim/')).map((request) => request.url())).toEqual([]);
  expect((await fetch(`${where.site}/preview/of/light/bar/v1/consent`, { method: 'POST', body: '{}' })).status).toBe(405);
  expect(await shown()).toBe(before);
  expect((await context.cookies()).map(({ name }) => name)).toEqual(cookies);
  await context.close();
});

test('no page of the demo, nor the privacy page, is wider than a phone', async () => {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 } });
  const page = await context.newPage();
  for (const lang of ['kk', 'ru', 'en']) {
    for (const path of [`/${lang}/`, `/${lang}/plans`, `/${lang}/files`, `/${lang}/preview`, `/kelisim/privacy/demo?lang=${lang}`]) {
      await page.goto(where.site + path);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBe(320);
    }
  }
  await context.close();
});

test('the privacy page withdraws and erases as plain forms, and other tabs follow', async () => {
  for (const [action, said] of [
    ['erase', /Your data are erased|Your request is registered/],
    ['withdraw', /Your consent is withdrawn/],
  ] as const) {
    const { context, page, requests } = await newcomer('en-GB');
    await page.goto(`${where.site}/en/`);
    await act(page, 'accept-all').click();
    await until('the page view is sent', () => requests.some((request) => request.url().endsWith('/v1/events')));
    await settle(page);
    const rights = await context.newPage();
    await rights.goto(`${where.site}/kelisim/privacy/demo?lang=en`);
    if (action === 'erase') await rights.locator('summary').click();
    await rights.locator(`button[value=${action}]`).click({ timeout: 20_000 });
    await rights.locator('.said').waitFor({ timeout: 20_000 });
    expect(await rights.locator('.said').textContent()).toMatch(said);
    // The other tab hears of it; nobody looks at it meanwhile.
    const state = () => page.evaluate(() => (window as never as { kelisim: { state(): { status: string } } }).kelisim.state().status);
    await expect.poll(state, { timeout: 5000 }).toBe(action === 'withdraw' ? 'withdrawn' : 'granted');
    await context.close();
  }
});

/** Signs in and looks for the page in the report. */
async function dashboardShows(lang: string): Promise<void> {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(where.dashboard);
  await page.fill('input[name=name], input[name=user], input[type=text]', where.user);
  await page.fill('input[type=password]', where.password);
  await page.locator('form:has(input[type=password]) button').click();
  await page.waitForLoadState();
  expect(await page.locator('body').textContent()).toContain(`/${lang}/plans`);
  await context.close();
}
