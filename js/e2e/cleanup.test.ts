/** What the services of a purpose left behind goes when the purpose is taken back, in a real browser. */

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launch, until } from './browser.ts';
import { Fixture } from './fixture.ts';
import { decide, marker, Shop, stateCookie } from './shop.ts';

let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  shop = await new Shop().open();
  shop.body = '<script type="text/plain" data-kelisim="marketing" src="{third}/ads.js"></script>';
  shop.kept = {
    ...shop.kept,
    services: [
      { purpose: 'analytics', cookies: ['_shared', 'stats'], local_storage: ['stats'], indexed_db: ['stats'], caches: ['stats'] },
      {
        purpose: 'marketing',
        cookies: ['_ads', '_ads_*', '_shared', '__Host-ads', '__Secure-ads'],
        local_storage: ['ads', 'ads-*'],
        session_storage: ['ads'],
        indexed_db: ['ads*'],
        caches: ['ads-v*'],
        service_workers: ['/worker.js'],
      },
    ],
  };
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await shop.close();
});

/** A page of the shop; on https the answers are the same, under a name with parents. */
async function visit(purposes: readonly string[] | undefined, where = shop.origin): Promise<Page> {
  const context = await browser.newContext();
  context.setDefaultTimeout(10_000);
  if (purposes) await context.addCookies([{ name: stateCookie(where), value: marker(purposes), url: new URL(where).origin }]);
  if (where !== shop.origin) {
    await context.route(`${new URL(where).origin}/**`, async (route) => {
      const answer = await fetch(shop.origin + new URL(route.request().url()).pathname);
      await route.fulfill({
        status: answer.status,
        contentType: answer.headers.get('content-type') ?? '',
        body: Buffer.from(await answer.arrayBuffer()),
      });
    });
  }
  const page = await context.newPage();
  page.on('pageerror', (error) => expect.unreachable(error.stack ?? String(error)));
  await page.goto(where);
  await until('release.js', () => shop.calls.includes('a/0/release.js'));
  await page.waitForTimeout(200);
  return page;
}

const cookies = async (page: Page): Promise<string[]> =>
  (await page.context().cookies()).map(({ name, domain, path }) => `${name} ${domain} ${path}`).filter((line) => !/^(__Host-)?kelisim/.test(line)).sort();

const settled = (page: Page) => page.waitForTimeout(300);

describe('R12 a purpose taken back', () => {
  const where = 'https://a.b.shop.example/x/y/page.html';

  test('takes its cookies along, on whatever domain and path they sit', async () => {
    const page = await visit(['analytics', 'marketing'], where);
    const places = ['', ';Domain=a.b.shop.example', ';Domain=b.shop.example', ';Domain=.b.shop.example', ';Domain=.shop.example'].flatMap((domain) =>
      ['/', '/x', '/x/', '/x/y', '/x/y/', '/x/y/page.html'].map((path) => `${domain};Path=${path}`),
    );
    await page.evaluate((all) => {
      for (const place of all) {
        document.cookie = `_ads=1${place};Max-Age=9999`;
        document.cookie = `_ads_more=1${place};Secure;Max-Age=9999`;
        document.cookie = `__Secure-ads=1${place};Secure;SameSite=Strict`;
      }
      document.cookie = '_ads_part=1;Path=/x;Secure;SameSite=None;Partitioned';
      document.cookie = '__Host-ads=1;Path=/;Secure';
    }, places);
    const stay = ['_adsense=1;Path=/x', 'login=1;Domain=shop.example;Path=/', 'stats=1;Path=/', '_shared=1;Path=/'];
    await page.evaluate((all) => all.forEach((cookie) => (document.cookie = cookie)), stay);
    await expect.poll(async () => (await cookies(page)).length, { timeout: 10_000 }).toBe(3 * 24 + 2 + stay.length); // with and without a leading dot are one
    await decide(page, ['analytics']);
    await until('the names', () => shop.calls.includes('v1/services'));
    await expect.poll(() => cookies(page), { timeout: 10_000 }).toEqual(
      ['_adsense a.b.shop.example /x', '_shared a.b.shop.example /', 'login .shop.example /', 'stats a.b.shop.example /'].sort(),
    );
    await decide(page, []);
    await expect.poll(() => cookies(page), { timeout: 10_000 }).toEqual(['_adsense a.b.shop.example /x', 'login .shop.example /']);
    expect((await page.context().cookies()).find(({ name }) => name === stateCookie(where))?.value).toBe(marker([]));
  });

  /** What is stored, by place. */
  const kept = (page: Page) =>
    page.evaluate(async () => ({
      local: Object.keys(localStorage).sort(),
      session: Object.keys(sessionStorage).sort(),
      databases: (await indexedDB.databases()).map(({ name }) => name).sort(),
      caches: (await caches.keys()).sort(),
      workers: (await navigator.serviceWorker.getRegistrations()).length,
    }));
  const fill = (page: Page) =>
    page.evaluate(async () => {
      for (const key of ['ads', 'ads-1', 'stats', 'cart', 'kelisim-session']) localStorage.setItem(key, '1');
      for (const key of ['ads', 'cart']) sessionStorage.setItem(key, '1');
      for (const name of ['ads', 'ads-2', 'stats', 'site']) {
        await new Promise<void>((done) => {
          const opening = indexedDB.open(name);
          opening.onsuccess = () => {
            opening.result.close();
            done();
          };
        });
      }
      for (const name of ['ads-v1', 'stats', 'site-v1']) await caches.open(name);
      await navigator.serviceWorker.register('/worker.js');
    });
  const all = {
    local: ['ads', 'ads-1', 'cart', 'kelisim-session', 'stats'],
    session: ['ads', 'cart'],
    databases: ['ads', 'ads-2', 'site', 'stats'],
    caches: ['ads-v1', 'site-v1', 'stats'],
    workers: 1,
  };

  test('takes its storage along, and leaves what is granted, what nobody declared, and what is ours', async () => {
    const page = await visit(['analytics', 'marketing']);
    await fill(page);
    expect(await kept(page)).toEqual(all);
    await decide(page, ['analytics']);
    await until('the names', () => shop.calls.includes('v1/services'));
    await expect.poll(() => kept(page), { timeout: 10_000 }).toEqual({
      local: ['cart', 'kelisim-session', 'stats'],
      session: ['cart'],
      databases: ['site', 'stats'],
      caches: ['site-v1', 'stats'],
      workers: 0,
    });
    await decide(page, []);
    await expect.poll(() => kept(page), { timeout: 10_000 }).toEqual({ local: ['cart', 'kelisim-session'], session: ['cart'], databases: ['site'], caches: ['site-v1'], workers: 0 });
  });

  test('what was left elsewhere goes on the next page that has something to wait', async () => {
    const page = await visit(['analytics']);
    await page.evaluate(() => localStorage.setItem('ads', '1'));
    await page.reload();
    await page.waitForFunction(() => localStorage.length === 0);
  });

  test('what a running script writes again goes with the page', async () => {
    const page = await visit(['marketing']);
    await decide(page, []);
    await until('the names', () => shop.calls.includes('v1/services'));
    await settled(page);
    await page.evaluate(() => localStorage.setItem('ads', 'again'));
    shop.body = '<p>nothing waits here</p>';
    await page.reload();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
  });
});

test('nothing is asked, nothing cleared, before a choice and while everything of the page is granted', async () => {
  for (const purposes of [undefined, ['marketing']]) {
    const page = await visit(purposes);
    await page.evaluate(() => localStorage.setItem('stats', '1'));
    await page.reload();
    await settled(page);
    expect(await page.evaluate(() => localStorage.length)).toBe(1);
  }
  expect(shop.calls).not.toContain('v1/services');
});

test('a collector that is away clears nothing and harms nothing; the next change tries again', async () => {
  shop.away = true;
  const page = await visit(['marketing']);
  await page.evaluate(() => localStorage.setItem('ads', '1'));
  await decide(page, []);
  await until('the names', () => shop.calls.includes('v1/services'));
  await settled(page);
  expect(await page.evaluate(() => localStorage.length)).toBe(1);
  shop.away = false;
  await decide(page, [], 'r');
  await page.waitForFunction(() => localStorage.length === 0);
});

describe('the page is loaded anew', () => {
  test('after something was taken back, where the policy says so, and once', async () => {
    shop.kept = { ...shop.kept, reload: true };
    const page = await visit(['analytics', 'marketing']);
    const before = shop.pages;
    await page.evaluate(() => localStorage.setItem('ads', '1'));
    await decide(page, ['analytics']);
    await until('the page', () => shop.pages > before);
    await page.waitForTimeout(500);
    expect(shop.pages).toBe(before + 1);
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await decide(page, ['analytics', 'marketing']);
    await page.waitForTimeout(500);
    expect(shop.pages).toBe(before + 1);
  });

  test('not, where the policy does not say so', async () => {
    const page = await visit(['marketing']);
    const before = shop.pages;
    await decide(page, []);
    await page.waitForTimeout(500);
    expect(shop.pages).toBe(before);
  });
});

describe('through the banner, on a page where no tag waits', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await new Fixture().open();
    fixture.kept = { ...shop.kept, reload: true };
  });
  afterEach(() => fixture.close());
  const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]`).click();

  test('a withdrawal clears and loads the page anew; a grant asks for nothing', async () => {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(10_000);
    await page.goto(`${fixture.origin}/`);
    await act(page, 'accept-all');
    await until('the consent', () => fixture.decisions.length === 1);
    await page.evaluate(() => {
      localStorage.setItem('ads', '1');
      document.cookie = '_ads_1=1;Path=/';
    });
    await settled(page);
    expect(fixture.calledPaths.filter((path) => /release|services/.test(path))).toEqual([]);
    const shown = () => fixture.seen.filter(({ path }) => path === '/').length;
    expect(shown()).toBe(1);
    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw');
    await until('the page', () => shown() === 2);
    await page.waitForFunction(() => !document.cookie.includes('_ads') && document.cookie.includes('kelisim-state'));
    expect(await page.evaluate(() => localStorage.getItem('ads'))).toBeNull();
    await settled(page);
    expect(shown()).toBe(2);
  });

  test('the settings say what each service keeps', async () => {
    const page = await (await browser.newContext({ locale: 'kk-KZ' })).newPage();
    await page.goto(`${fixture.origin}/`);
    await act(page, 'customise');
    const item = page.locator('section', { has: page.locator('[data-kelisim-item=marketing]') });
    expect(await item.innerText()).toMatch(
      /Сервистер\s+Example Ads\s+«Example Ads» ЖШС · Қазақстан · 30 күн\s+Шолғышта сақталатын деректер\s+_example_ads, example-ads/,
    );
  });

  test('Clear-Site-Data takes all storage of the site, and leaves the marker of the withdrawal', async () => {
    fixture.clears = true;
    fixture.kept = { ...fixture.kept, reload: false };
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(10_000);
    await page.goto(`${fixture.origin}/`);
    await act(page, 'accept-all');
    await until('the consent', () => fixture.decisions.length === 1);
    await page.evaluate(() => localStorage.setItem('nobody declared this', '1'));
    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw');
    await page.waitForFunction(() => localStorage.getItem('nobody declared this') === null);
    await page.reload();
    await page.locator('#kelisim-open').waitFor();
    expect(await page.evaluate(() => document.cookie)).toMatch(/kelisim-state=1\.\w+\.\.\.\d+\.0\.w/);
    expect(await page.locator('[data-kelisim-action="accept-all"]').count()).toBe(0);
  });
});
