/**
 * The three deployment modes: a real browser, the files that are served, the real
 * collector and database, on hosts of their own. KELISIM_E2E holds the addresses;
 * the Go test in cmd/kelisim/modes sets it.
 */

import type { Browser, BrowserContext, Cookie, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, stored, until, visitor } from './browser.ts';

interface Where {
  modes: { ID: string; Mode: string; Host: string; Collector: string }[];
  https: string;
  http: string;
  events: string;
}

const where = JSON.parse(process.env['KELISIM_E2E'] ?? '{}') as Where;
if (!where.modes) throw new Error('run this through: go test ./cmd/kelisim/modes');

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]:visible`).first();
const settle = (page: Page) => page.waitForTimeout(400);

/** Page views stored of a site. */
const views = async (site: string): Promise<number> => Number(await (await fetch(where.events, { method: 'POST', body: site })).text());

async function eventually(what: string, right: () => Promise<boolean>, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await right())) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

interface Visitor {
  context: BrowserContext;
  page: Page;
  requests: Request[];
  /** Calls of an address below v1/, by method. */
  calls: (method: string, path: string) => Request[];
  cookies: () => Promise<Record<string, Cookie>>;
  violations: () => Promise<string[]>;
}

async function newcomer(): Promise<Visitor> {
  const userAgent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
  const context = await visitor(browser, { ignoreHTTPSErrors: true, userAgent });
  const requests: Request[] = [];
  context.on('request', (request) => requests.push(request));
  const page = await context.newPage();
  return {
    context,
    page,
    requests,
    calls: (method, path) => requests.filter((request) => request.method() === method && new URL(request.url()).pathname.endsWith(`/v1/${path}`)),
    cookies: async () => Object.fromEntries((await context.cookies()).map((cookie) => [cookie.name, cookie])),
    violations: () => page.evaluate(() => (window as unknown as { violations: string[] }).violations),
  };
}

const names: Record<string, { token: string; state: string; domain: string }> = {
  path: { token: '__Host-kelisim', state: '__Host-kelisim-state', domain: 'shop.localhost' },
  subdomain: { token: '__Secure-kelisim', state: '__Secure-kelisim-state', domain: '.beside.localhost' },
  'cross-origin': { token: '__Host-own-kelisim-token', state: '__Host-own-kelisim-state', domain: 'far.localhost' },
};

describe.each(where.modes)('mode $Mode', ({ ID, Mode, Host, Collector }) => {
  const site = `https://${Host}:${where.https}`;
  const origin = `https://${Collector.replace('/', `:${where.https}/`)}`;
  const own = Mode === 'cross-origin';
  const { token, state, domain } = names[Mode]!;

  test('R01, R02: before a choice nothing is kept and nobody but the collector is asked', async () => {
    const { context, page, requests, violations } = await newcomer();
    for (const path of ['/', '/second']) {
      await page.goto(site + path);
      await act(page, 'accept-all').waitFor();
      await settle(page);
    }
    expect(await stored(page)).toEqual({ cookies: [], local: [], session: 0, databases: 0, writes: [] });
    const base = own || Mode === 'subdomain' ? origin.replace(Collector, `${Collector}:${where.https}`) : origin;
    const others = requests.map((request) => request.url()).filter((url) => !url.startsWith(`${site}/`) && !url.startsWith(base));
    expect(others).toEqual([]);
    expect(requests.some((request) => request.method() === 'POST')).toBe(false);
    expect(await violations()).toEqual([]);
    await context.close();
  });

  test('accepted, stored, seen again without being renewed, and taken back', async () => {
    const before = await views(ID);
    const { context, page, requests, calls, cookies, violations } = await newcomer();
    await page.goto(site);
    await act(page, 'accept-all').click();
    await until('the page view is sent', () => calls('POST', 'events').length > 0);
    await eventually('the page view is a row', async () => (await views(ID)) === before + 1);
    const kept = await cookies();
    expect(Object.keys(kept).sort()).toEqual([state, token].sort());
    for (const [name, cookie] of Object.entries(kept)) {
      expect(cookie).toMatchObject({ domain, path: '/', secure: true, sameSite: 'Lax', httpOnly: name === token && !own });
      expect(cookie.expires * 1000).toBeLessThan(Date.now() + 400 * 864e5);
    }
    const secret = kept[token]!.value;

    await page.goto(`${site}/second`);
    await eventually('the second page view is a row', async () => (await views(ID)) === before + 2);
    expect(await page.locator('#kelisim').isVisible()).toBe(false);
    expect(await cookies()).toEqual(kept);

    // Where the token travels: in a cookie of the collector, or in bodies, and never in an address.
    for (const request of requests) expect(request.url()).not.toContain(secret);
    for (const request of calls('POST', 'events')) expect((request.postData() ?? '').includes(secret)).toBe(own);

    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw').waitFor();
    expect(await page.locator('[data-kelisim-item="analytics"]').isChecked()).toBe(true);
    const sent = calls('POST', 'events').length;
    await act(page, 'withdraw').click();
    await eventually('the withdrawal is marked', async () => (await cookies())[state]?.value.endsWith('.w') === true);
    expect(Object.keys(await cookies())).toEqual([state]);
    await page.goto(`${site}/third`);
    await settle(page);
    expect(calls('POST', 'events').length).toBe(sent);
    await eventually('its rows are erased', async () => (await views(ID)) === before);
    expect((await stored(page)).local).toEqual([]);
    expect(await violations()).toEqual([]);
    await context.close();
  });

  test('R17: all who refuse keep the same text and no id; nothing is collected', async () => {
    const before = await views(ID);
    const texts: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { context, page, calls, cookies } = await newcomer();
      await page.goto(site);
      await eventually('the banner is asked for, or told to be shown', async () => calls('GET', 'banner').length === 1);
      await act(page, 'refuse-all').click();
      await eventually('the refusal is marked', async () => (await cookies())[state] !== undefined);
      const kept = await cookies();
      expect(Object.keys(kept)).toEqual([state]);
      texts.push(kept[state]!.value);
      await page.goto(`${site}/second`);
      await settle(page);
      expect(await page.locator('#kelisim').isVisible()).toBe(false);
      expect(calls('POST', 'events')).toEqual([]);
      expect(calls('GET', 'banner').length).toBe(1);
      await page.locator('#kelisim-open').click();
      await act(page, 'save').waitFor();
      expect(await page.locator('[data-kelisim-item]:checked').count()).toBe(0);
      await context.close();
    }
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).toMatch(/^1\.[0-9a-f]{16}\.\.\.\d{5}\.0\.r$/);
    expect(await views(ID)).toBe(before);
  });

  test('a state under the name of another mode counts for nothing', async () => {
    const { context, page, calls, cookies } = await newcomer();
    await page.goto(site);
    await act(page, 'accept-all').click();
    await until('the page view is sent', () => calls('POST', 'events').length > 0);
    const given = (await cookies())[state]!.value;
    await context.clearCookies();
    const others = ['kelisim-state', ...Object.values(names).map((name) => name.state)].filter((name) => name !== state);
    await context.addCookies(others.map((name) => ({ name, value: given, url: site, secure: name.startsWith('__') })));
    const sent = calls('POST', 'events').length;
    await page.goto(`${site}/second`);
    await act(page, 'accept-all').waitFor();
    await settle(page);
    expect(calls('POST', 'events').length).toBe(sent);
    await context.close();
  });

  test('a pinned loader and every file it loads are checked', async () => {
    const { context, page, calls, requests, violations } = await newcomer();
    await page.goto(`${site}/pinned`);
    await act(page, 'customise').click();
    await act(page, 'save').waitFor();
    await page.locator('[data-kelisim-item="analytics"]').check();
    await act(page, 'save').click();
    await until('the page view is sent', () => calls('POST', 'events').length > 0);
    expect(await (await calls('POST', 'events')[0]!.response())!.json()).toEqual({ accepted: 1, dropped: {} });
    expect(requests.filter((request) => request.url().includes('/k.')).map((request) => /k\.[0-9a-f]{16}\.js$/.test(request.url()))).toEqual([true]);
    expect(await violations()).toEqual([]);
    await context.close();
  });

  test('plain http on the machine itself has the plain names', async () => {
    const { context, page, calls, cookies } = await newcomer();
    await page.goto(`http://${Host}:${where.http}`);
    await act(page, 'accept-all').click();
    await until('the page view is sent', () => calls('POST', 'events').length > 0);
    expect(await (await calls('POST', 'events')[0]!.response())!.json()).toEqual({ accepted: 1, dropped: {} });
    expect(Object.keys(await cookies()).sort()).toEqual(own ? ['kelisim-state', 'kelisim-token'] : ['kelisim', 'kelisim-state']);
    await context.close();
  });
});

test('a page of somebody else gets no banner of the site and can read nothing of it', async () => {
  const { Host, ID } = where.modes[1]!;
  const { context, page, calls, cookies } = await newcomer();
  await page.goto(`https://${Host}:${where.https}`);
  await act(page, 'accept-all').click();
  await until('the page view is sent', () => calls('POST', 'events').length > 0);
  const kept = await cookies();
  // The tag of the site on a page of the same parent, to which the cookies do travel, and on one of another parent.
  for (const stranger of ['evil.beside.localhost', 'evil.localhost']) {
    const sent = calls('POST', 'events').length;
    await page.goto(`https://${stranger}:${where.https}`);
    await settle(page);
    const read = await page.evaluate(
      ([url]) => fetch(url!, { credentials: 'include' }).then((answer) => answer.text()).catch(() => 'unreadable'),
      [`https://collect.beside.localhost:${where.https}/v1/consent?site=${ID}`],
    );
    expect(read).toBe('unreadable');
    const after = calls('POST', 'events').slice(sent);
    for (const request of after) expect(await (await request.response())?.json().catch(() => undefined)).not.toMatchObject({ accepted: 1 });
    expect(await page.locator('#kelisim').isVisible()).toBe(false);
  }
  expect(await cookies()).toEqual(kept);
  await context.close();
});
