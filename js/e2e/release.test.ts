/** Tags that wait for a purpose, in a real browser. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launch, stored, until, visitor } from './browser.ts';
import { decide, marker, ran, Shop } from './shop.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  shop = await new Shop().open();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await shop.close();
});

interface Visit extends BrowserContextOptions {
  gpc?: boolean;
  cookie?: string;
}

async function visit(body: string, { gpc, cookie, ...options }: Visit = {}): Promise<Page> {
  shop.body = body;
  const context = await visitor(browser, options);
  if (gpc) await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
  if (cookie) await context.addCookies([{ name: 'kelisim-state', value: cookie, url: shop.origin }]);
  const page = await context.newPage();
  page.on('pageerror', (error) => expect.unreachable(error.stack ?? String(error)));
  await page.goto(shop.origin);
  if (body) await until('release.js', () => shop.calls.includes('a/0/release.js'));
  await settle(page);
  return page;
}

const settle = (page: Page) => page.waitForTimeout(250);
const asked = () => [...shop.third].sort();
const oneOfEach = (purpose: string) => `
<script type="text/plain" data-kelisim="${purpose}" src="{third}/${purpose}.js"></script>
<script type="text/plain" data-kelisim="${purpose}">ran.push('${purpose}-inline')</script>
<script type="text/plain" data-kelisim="${purpose}" data-kelisim-type="module" src="{third}/${purpose}-module.js"></script>
<iframe data-kelisim="${purpose}" data-kelisim-src="{third}/${purpose}.html" width="400" height="300"></iframe>
<img data-kelisim="${purpose}" data-kelisim-src="{third}/${purpose}.gif" alt="">
<img data-kelisim="${purpose}" data-kelisim-srcset="{third}/${purpose}-set.gif 1x" alt="">
<link data-kelisim="${purpose}" rel="stylesheet" data-kelisim-href="{third}/${purpose}.css">`;
const each = (purpose: string) =>
  ['-module.js', '-set.gif', '.css', '.gif', '.html', '.js'].map((end) => `/${purpose}${end}`);

describe('R04 tags wait for their purpose', () => {
  test('nothing is asked for before a choice, nor after a refusal', async () => {
    const page = await visit(oneOfEach('analytics') + oneOfEach('marketing'));
    await page.mouse.wheel(0, 2000);
    await settle(page);
    expect([shop.third, await ran(page)]).toEqual([[], []]);
    await decide(page, [], 'r');
    await settle(page);
    expect([shop.third, await ran(page)]).toEqual([[], []]);
  });

  test('a grant starts everything of its purpose and nothing of another', async () => {
    const page = await visit(oneOfEach('analytics') + oneOfEach('marketing'));
    await decide(page, ['analytics']);
    await until('all of analytics', () => shop.third.length >= 6);
    await settle(page);
    expect(asked()).toEqual(each('analytics'));
    expect(await ran(page)).toEqual(['analytics', 'analytics-inline', 'analytics-module']);
    await decide(page, ['analytics', 'marketing']);
    await until('all of marketing', () => shop.third.length >= 12);
    await settle(page);
    expect(asked()).toEqual([...each('analytics'), ...each('marketing')]);
    expect(await page.evaluate(() => getComputedStyle(document.body).getPropertyValue('--marketing'))).toBe('1');
  });

  test('a tag of several purposes needs them all; one that names none, or an unknown one, waits for ever', async () => {
    const page = await visit(`<script type="text/plain" data-kelisim="analytics  marketing">ran.push('both')</script>
<script type="text/plain" data-kelisim="">ran.push('none')</script><script type="text/plain" data-kelisim="analytic">ran.push('unknown')</script>
<img data-kelisim="marketing, analytics" data-kelisim-src="{third}/both.gif" alt="">`);
    await decide(page, ['analytics']);
    await settle(page);
    await decide(page, ['marketing']);
    await settle(page);
    expect([shop.third, await ran(page)]).toEqual([[], []]);
    await decide(page, ['analytics', 'marketing']);
    await until('the picture', () => shop.third.length > 0);
    expect([shop.third, await ran(page)]).toEqual([['/both.gif'], ['both']]);
  });

  test('they start in the order of the document, and only async ones are not waited for', async () => {
    const waiting = (rest: string) => `<script type="text/plain" data-kelisim="marketing" ${rest}</script>`;
    const page = await visit(
      waiting('async src="{third}/async.js?wait=900">') +
        waiting('src="{third}/first.js?wait=400">') +
        waiting(`>ran.push('second')`) +
        waiting('src="{third}/gone.txt">') +
        waiting('defer src="{third}/third.js?wait=100">') +
        waiting(`>ran.push('fourth')`),
    );
    await decide(page, ['marketing']);
    await until('the first script', () => shop.third.includes('/first.js'));
    expect(shop.third).not.toContain('/third.js');
    await page.waitForFunction(() => (window as never as { ran: string[] }).ran.length === 5);
    expect(await ran(page)).toEqual(['first', 'second', 'third', 'fourth', 'async']);
  });

  test('what was withdrawn while another script loaded does not start', async () => {
    const page = await visit(`<script type="text/plain" data-kelisim="marketing" src="{third}/slow.js?wait=500"></script>
<script type="text/plain" data-kelisim="marketing" src="{third}/next.js"></script>`);
    await decide(page, ['marketing']);
    await until('the slow script', () => shop.third.includes('/slow.js'));
    await decide(page, []);
    await page.waitForFunction(() => (window as never as { ran: string[] }).ran.length === 1);
    await settle(page);
    expect(shop.third).toEqual(['/slow.js']);
  });

  test('each starts once, whatever is granted again', async () => {
    const page = await visit(oneOfEach('marketing'), { cookie: marker(['marketing']) });
    await until('all of marketing', () => shop.third.length >= 6);
    for (const purposes of [['marketing', 'analytics'], ['marketing'], ['analytics', 'marketing']]) {
      await decide(page, purposes);
      await settle(page);
    }
    expect(asked()).toEqual(each('marketing'));
    // After a withdrawal only the frame loads anew: what ran cannot be run back, but what is shown can be taken away.
    await decide(page, []);
    await settle(page);
    await decide(page, ['marketing']);
    await until('the frame', () => shop.third.length >= 7);
    await settle(page);
    expect(asked()).toEqual([...each('marketing'), '/marketing.html'].sort());
    expect(await ran(page)).toEqual(['marketing', 'marketing-inline', 'marketing-module']);
  });

  test('tags that the page adds later wait and start as well', async () => {
    const page = await visit('', { cookie: marker(['analytics']) });
    const add = (purpose: string) =>
      page.evaluate(
        ([id, third]) => {
          const script = document.createElement('script');
          script.type = 'text/plain';
          script.setAttribute('data-kelisim', id!);
          script.text = `ran.push('${id}')`;
          document.body.append(script);
          const frame = document.createElement('iframe');
          document.body.append(frame);
          // A framework may set attributes after it put the element in.
          setTimeout(() => {
            frame.setAttribute('data-kelisim-src', `${third}/${id}.html`);
            frame.setAttribute('data-kelisim', id!);
          }, 50);
        },
        [purpose, shop.thirdOrigin],
      );
    await add('marketing');
    await add('analytics');
    await until('the frame', () => shop.third.length > 0);
    await settle(page);
    expect([shop.third, await ran(page)]).toEqual([['/analytics.html'], ['analytics']]);
    await decide(page, ['analytics', 'marketing']);
    await until('the other frame', () => shop.third.length > 1);
    expect([shop.third, await ran(page)]).toEqual([['/analytics.html', '/marketing.html'], ['analytics', 'marketing']]);
  });

  test('attributes of a script come along', async () => {
    const page = await visit(
      `<script type="text/plain" data-kelisim="marketing" id="tag" data-id="7" crossorigin="anonymous" src="{third}/tag.js" onload="ran.push('loaded')"></script>`,
      { cookie: marker(['marketing']) },
    );
    await page.waitForFunction(() => (window as never as { ran: string[] }).ran.length === 2);
    expect(await ran(page)).toEqual(['tag', 'loaded']);
    expect(await page.locator('#tag').evaluate((tag: HTMLScriptElement) => [tag.dataset['id'], tag.crossOrigin])).toEqual(['7', 'anonymous']);
  });
});

describe('a page whose policy uses nonces', () => {
  const strict = (third: string) =>
    `default-src 'none'; script-src 'nonce-abc123' 'strict-dynamic'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-src ${third}; require-trusted-types-for 'script'; trusted-types kelisim`;
  const tags = ['nonce="abc123"', 'nonce="guess"', '']
    .map((nonce, i) => `<script ${nonce} type="text/plain" data-kelisim="marketing" src="{third}/${i}.js"></script>
<script ${nonce} type="text/plain" data-kelisim="marketing">ran.push('inline-${i}')</script>`)
    .join('');
  const violations = (page: Page) => page.evaluate(() => (window as never as { violations: string[] }).violations);

  test.each([false, true])('starts only the scripts that carry it, without a violation; with a pinned loader: %s', async (pinned) => {
    shop.pinned = pinned;
    shop.headers['content-security-policy'] = strict(shop.thirdOrigin);
    const page = await visit(`${tags}<iframe data-kelisim="marketing" data-kelisim-src="{third}/f.html" width="400" height="300"></iframe>`);
    await page.locator('.kelisim-frame').waitFor();
    await decide(page, ['marketing']);
    await until('the frame', () => shop.third.includes('/f.html'));
    await settle(page);
    expect(await ran(page)).toEqual(['0', 'inline-0']);
    expect(asked()).toEqual(['/0.js', '/f.html']);
    expect(await violations(page)).toEqual([]);
  });

  test('that forbids our Trusted Types policy keeps its scripts waiting, and nothing else', async () => {
    shop.headers['content-security-policy'] = strict(shop.thirdOrigin).replace('trusted-types kelisim', "trusted-types 'none'");
    const page = await visit(`${tags}<iframe data-kelisim="marketing" data-kelisim-src="{third}/f.html" width="400" height="300"></iframe>`, {
      cookie: marker(['marketing']),
    });
    await until('the frame', () => shop.third.includes('/f.html'));
    await settle(page);
    expect([shop.third, await ran(page)]).toEqual([['/f.html'], []]);
  });

  test('starts none where our own script carries no nonce, because a loader brought it', async () => {
    shop.headers['content-security-policy'] = strict(shop.thirdOrigin);
    const page = await visit(tags, { cookie: marker(['marketing']) });
    expect((await ran(page)).length).toBe(2);
    shop.third.length = 0;
    shop.head = `<script nonce="abc123">const s = document.createElement('script');
const p = trustedTypes.createPolicy('site', { createScriptURL: (u) => u });
s.src = p.createScriptURL('/kelisim/k.js'); s.dataset.site = 'shop'; document.head.append(s);</script>`;
    shop.headers['content-security-policy'] = strict(shop.thirdOrigin).replace('trusted-types kelisim', 'trusted-types kelisim site');
    shop.plain = true;
    await page.goto(shop.origin);
    await settle(page);
    expect([shop.third, await ran(page)]).toEqual([[], []]);
  });
});

describe('frames', () => {
  const frame = (more = 'width="560" height="315"') =>
    `<p>before</p><iframe title="Map" data-kelisim="marketing" data-kelisim-src="{third}/map.html" ${more}></iframe><p id="after">after</p>
<iframe data-kelisim="marketing" data-kelisim-src="{third}/other.html" width="560" height="315"></iframe>`;
  const words = {
    'kk-KZ': ['Бұл мазмұн {host} сайтынан жүктеледі. Ол сіз рұқсат берсеңіз ғана көрсетіледі.', 'Бір рет рұқсат беру', 'Әрқашан рұқсат беру'],
    'ru-RU': ['Это содержимое загружается с сайта {host}. Оно появится, только если вы разрешите.', 'Разрешить один раз', 'Разрешать всегда'],
    'en-US': ['This content is loaded from {host}. It is shown only if you allow it.', 'Allow once', 'Always allow'],
  };

  test.each(Object.entries(words))('say in %s what would be loaded, and nothing moves', async (locale, [sentence, once, always]) => {
    const page = await visit(frame(), { locale });
    const box = page.locator('.kelisim-frame').first();
    await box.waitFor();
    expect(await box.innerText()).toContain(sentence!.replace('{host}', new URL(shop.thirdOrigin).host));
    expect(await box.getByRole('button').allInnerTexts()).toEqual([once, always]);
    expect(await box.getAttribute('lang')).toBe(locale.slice(0, 2));
    expect(await box.boundingBox()).toMatchObject({ width: 564, height: 319 }); // with the frame's own border
    const place = () => page.locator('#after').evaluate((after) => after.getBoundingClientRect().top);
    const covered = await place();
    await page.evaluate(() => {
      document.querySelectorAll<HTMLElement>('.kelisim-frame').forEach((made) => made.remove());
      document.querySelectorAll('iframe').forEach((shown) => shown.style.removeProperty('display'));
    });
    expect(await place()).toBe(covered);
    expect(shop.third).toEqual([]);
    expect(await page.evaluate(() => (window as never as { faults: string[] }).faults)).toEqual([]);
  });

  test('are for keyboards and screen readers', async () => {
    const page = await visit(frame('style="width:100%;aspect-ratio:16/9"'));
    await page.locator('.kelisim-frame').first().waitFor();
    await page.evaluate(() => (document.documentElement.lang = 'kk'));
    await page.evaluate(axe);
    const faults = await page.evaluate(async () => {
      const { violations } = await (window as never as { axe: { run(on: string): Promise<{ violations: { id: string }[] }> } }).axe.run('.kelisim-frame');
      return violations.map(({ id }) => id);
    });
    expect(faults).toEqual([]);
    const heights = await page.locator('.kelisim-frame button').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(580); // the second frame is 564 wide by the page's own markup
    expect((await page.locator('.kelisim-frame').first().boundingBox())!.width).toBeLessThan(320);
  });

  test('“allow once” loads this one, asks the collector nothing, stores nothing, and is over with the page', async () => {
    const page = await visit(frame());
    const calls = shop.calls.length;
    await page.locator('[data-kelisim-action="allow-once"]').first().click();
    await page.frameLocator('iframe >> nth=0').getByText('map').waitFor();
    await settle(page);
    expect(shop.third).toEqual(['/map.html']);
    expect(shop.calls.length).toBe(calls);
    expect(await stored(page)).toEqual({ cookies: [], local: [], session: 0, databases: 0, writes: [] });
    expect(await page.locator('.kelisim-frame').count()).toBe(1);
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('IFRAME');
    await page.reload();
    await page.locator('.kelisim-frame').nth(1).waitFor();
    await settle(page);
    expect(shop.third).toEqual(['/map.html']);
  });

  test('what was allowed once is not loaded again with a grant', async () => {
    const page = await visit(frame());
    await page.locator('[data-kelisim-action="allow-once"]').first().click();
    await decide(page, ['marketing']);
    await until('the other frame', () => shop.third.includes('/other.html'));
    await settle(page);
    expect(asked()).toEqual(['/map.html', '/other.html']);
    expect(await page.locator('.kelisim-frame').count()).toBe(0);
  });

  test('“always allow” opens the choice and loads nothing by itself', async () => {
    const page = await visit(frame());
    await page.locator('[data-kelisim-action="allow-always"]').first().click();
    await page.locator('[data-kelisim-action="accept-all"]').waitFor();
    expect(shop.calls).toContain('v1/banner');
    await settle(page);
    expect(shop.third).toEqual([]);
  });

  test('wait again after a withdrawal, with what they showed gone', async () => {
    const page = await visit(frame(), { cookie: marker(['marketing']) });
    await page.frameLocator('iframe >> nth=0').getByText('map').waitFor();
    await page.frameLocator('iframe >> nth=1').getByText('other').waitFor();
    await decide(page, []);
    await page.locator('.kelisim-frame').nth(1).waitFor();
    expect(page.frames().map((one) => one.url()).filter((url) => url.startsWith(shop.thirdOrigin))).toEqual([]);
    expect(asked()).toEqual(['/map.html', '/other.html']);
  });

  test('one that is hidden, or too small to look at, has no words; one that comes to be seen has', async () => {
    const page = await visit(frame('width="1" height="1"') + frame('style="display:none"'));
    await page.locator('.kelisim-frame').nth(1).waitFor();
    await settle(page);
    expect(await page.locator('.kelisim-frame').count()).toBe(2);
    await page.locator('iframe').nth(2).evaluate((shown) => (shown.style.display = ''));
    await page.locator('.kelisim-frame').nth(2).waitFor();
  });
});

describe('R19 a browser that sends Global Privacy Control', () => {
  const tags = oneOfEach('analytics') + oneOfEach('marketing');

  test('starts nothing that the signal lowers under a consent given without it', async () => {
    const page = await visit(tags, { gpc: true, cookie: marker(['analytics', 'marketing']) });
    await until('all of analytics', () => shop.third.length >= 6);
    await settle(page);
    expect(asked()).toEqual(each('analytics'));
    expect(await page.locator('.kelisim-frame').count()).toBe(1);
  });

  test('starts what the visitor granted in spite of it', async () => {
    await visit(tags, { gpc: true, cookie: marker(['analytics', 'marketing'], 'g', 1) });
    await until('everything', () => shop.third.length >= 12);
  });

  test('starts nothing as long as it is not known what the signal lowers', async () => {
    shop.away = true;
    const page = await visit(tags, { gpc: true, cookie: marker(['analytics', 'marketing']) });
    await settle(page);
    expect(shop.third).toEqual([]);
    const calls = shop.calls.length; // a browser itself tries again when a connection breaks
    await page.evaluate(() => document.body.append('another change of the page'));
    await settle(page);
    expect(shop.calls).toHaveLength(calls);
  });

  test('another value of the property is no signal', async () => {
    shop.head = '<script>Object.defineProperty(navigator, "globalPrivacyControl", { value: "1" })</script>';
    await visit(tags, { cookie: marker(['analytics', 'marketing']) });
    await until('everything', () => shop.third.length >= 12);
    expect(shop.calls).not.toContain('v1/services');
  });
});
