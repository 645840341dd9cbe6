/** What third parties are told, and when: adapters, the tag manager's snippet, and that there is nothing of the kind by default. */

import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launch, until, visitor } from './browser.ts';
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

/** A visit to a page with something in front of the loader. */
async function visit(head: string): Promise<Page> {
  const page = await (await visitor(browser, { locale: 'en-US' })).newPage();
  page.on('pageerror', (error) => expect.unreachable(error.stack ?? String(error)));
  fixture.head = head;
  await page.goto(`${fixture.origin}/`);
  return page;
}

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]`);

async function decide(page: Page, action: string): Promise<void> {
  const before = fixture.decisions.length;
  await act(page, action).click();
  await until('the decision', () => fixture.decisions.length > before);
  await page.waitForTimeout(300);
}

/** The commands that a layer was given, as plain values. */
const layer = (page: Page): Promise<unknown[][]> =>
  page.evaluate(() => ((window as unknown as { dataLayer: ArrayLike<unknown>[] }).dataLayer ?? []).map((entry) => Array.from(entry)));

const denied = {
  ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied', analytics_storage: 'denied',
  functionality_storage: 'denied', personalization_storage: 'denied', security_storage: 'denied',
};

test('R28 without an adapter there is no trace of third parties, and no __tcfapi', async () => {
  const page = await visit('');
  await decide(page, 'accept-all');
  expect(await page.evaluate(() => ['dataLayer', 'gtag', 'fbq', 'uetq', 'clarity', 'ym', '__tcfapi', '__gpp', '__uspapi'].filter((name) => name in window))).toEqual([]);
});

describe('Google Consent Mode', () => {
  test('R28 the default comes first, denies all seven keys, and nothing more is said before a choice', async () => {
    const page = await visit('<script src="/kelisim/adapters/google.js"></script>');
    await act(page, 'accept-all').waitFor();
    await page.waitForTimeout(300);
    expect(await layer(page)).toEqual([
      ['consent', 'default', { ...denied, wait_for_update: 500 }],
      ['set', 'ads_data_redaction', true],
      ['set', 'url_passthrough', false],
    ]);
  });

  test('R28 one update a choice: accepted, taken back', async () => {
    const page = await visit('<script src="/kelisim/adapters/google.js"></script>');
    await decide(page, 'accept-all');
    const granted = { ...denied, ad_storage: 'granted', ad_user_data: 'granted', ad_personalization: 'granted', analytics_storage: 'granted' };
    expect((await layer(page)).slice(3)).toEqual([['consent', 'update', granted]]);
    await page.locator('#kelisim-open').click();
    await decide(page, 'withdraw');
    expect((await layer(page)).slice(3)).toEqual([['consent', 'update', granted], ['consent', 'update', denied]]);
    await page.reload();
    await page.locator('#kelisim-open').waitFor();
    await page.waitForTimeout(200);
    expect((await layer(page)).map(([, what]) => what)).toEqual(['default', 'ads_data_redaction', 'url_passthrough', 'update']);
  });

  test('R28 a refusal is one update that denies everything', async () => {
    const page = await visit('<script src="/kelisim/adapters/google.js"></script>');
    await decide(page, 'refuse-all');
    expect((await layer(page)).slice(3)).toEqual([['consent', 'update', denied]]);
  });

  test('keys, region, wait and switches are options of the tag', async () => {
    const page = await visit(
      '<script src="/kelisim/adapters/google.js" data-analytics-storage="analytics marketing" data-functionality-storage="analytics" data-ad-user-data="" ' +
        'data-region="KZ, RU-MOW" data-wait="2000" data-redact="false" data-passthrough></script>',
    );
    await act(page, 'customise').click();
    await page.locator('[data-kelisim-item="analytics"]').click();
    await decide(page, 'save');
    expect(await layer(page)).toEqual([
      ['consent', 'default', { ...denied, wait_for_update: 2000, region: ['KZ', 'RU-MOW'] }],
      ['set', 'ads_data_redaction', false],
      ['set', 'url_passthrough', true],
      ['consent', 'update', { ...denied, functionality_storage: 'granted' }],
    ]);
  });
});

test('Meta is told revoke before anything else, grant and revoke with the choices', async () => {
  const page = await visit('<script src="/kelisim/adapters/meta.js"></script>');
  const said = (): Promise<unknown[][]> => page.evaluate(() => (window as unknown as { fbq: { queue: unknown[][] } }).fbq.queue.map((call) => [...call]));
  expect(await said()).toEqual([['consent', 'revoke']]);
  await decide(page, 'accept-all');
  await page.locator('#kelisim-open').click();
  await decide(page, 'withdraw');
  expect(await said()).toEqual([['consent', 'revoke'], ['consent', 'grant'], ['consent', 'revoke']]);
});

test('Microsoft: both switches are denied first and follow the choices', async () => {
  const page = await visit('<script src="/kelisim/adapters/microsoft.js"></script>');
  const said = (): Promise<unknown> =>
    page.evaluate(() => {
      const { uetq, clarity } = window as unknown as { uetq: unknown[]; clarity: { q: unknown[][] } };
      return [[...uetq], clarity.q.map((call) => [...call])];
    });
  const [no, yes] = ['denied', 'granted'].map((word) => [{ ad_storage: word }, ['consentv2', { ad_Storage: word, analytics_Storage: word }]] as const);
  expect(await said()).toEqual([['consent', 'default', no![0]], [no![1]]]);
  await decide(page, 'accept-all');
  expect(await said()).toEqual([['consent', 'default', no![0], 'consent', 'update', yes![0]], [no![1], yes![1]]]);
});

test('Yandex Metrika sends only while the purpose is granted', async () => {
  const page = await visit('<script src="/kelisim/adapters/yandex.js" data-counters="101 202"></script>');
  const off = (): Promise<unknown> =>
    page.evaluate(() => [101, 202].map((counter) => (window as unknown as Record<string, unknown>)[`disableYaCounter${counter}`]));
  expect(await off()).toEqual([true, true]);
  await decide(page, 'accept-all');
  expect(await off()).toEqual([false, false]);
  await page.locator('#kelisim-open').click();
  await decide(page, 'withdraw');
  expect(await off()).toEqual([true, true]);
});

test('the snippet for tag managers says each choice once, and loads no container before one', async () => {
  const snippet = readFileSync(new URL('../../examples/tag-manager/snippet.html', import.meta.url), 'utf8').replace(/<script async.*/, '');
  const asked: string[] = [];
  const context = await visitor(browser);
  await context.route(/^https:/, (route) => {
    asked.push(route.request().url());
    return route.abort();
  });
  const page = await context.newPage();
  fixture.head = snippet;
  await page.goto(`${fixture.origin}/`);
  await act(page, 'accept-all').waitFor();
  await page.waitForTimeout(300);
  expect(asked).toEqual([]);
  await decide(page, 'accept-all');
  await until('the container', () => asked.length > 0);
  const changes = await page.evaluate(() =>
    (window as unknown as { dataLayer: { event?: string }[] }).dataLayer.filter(({ event }) => event === 'kelisim_change'),
  );
  expect(changes).toEqual([
    { event: 'kelisim_change', kelisim_status: 'undecided', kelisim_purposes: '  ' },
    { event: 'kelisim_change', kelisim_status: 'granted', kelisim_purposes: ' analytics marketing third_party ' },
  ]);
  expect(asked).toEqual(['https://www.googletagmanager.com/gtm.js?id=GTM-XXXXXXX']);
});
