/** A visitor's choice, against the fixture collector and the built files. */

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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

async function visit(path = '/', options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await visitor(browser, options)).newPage();
  page.on('pageerror', (error) => expect.unreachable(error.stack ?? String(error)));
  await page.goto(fixture.origin + path);
  return page;
}

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]`);
const nothing = { cookies: [], local: [], session: 0, databases: 0, writes: [] };
const settle = (page: Page) => page.waitForTimeout(600);

async function accept(page: Page): Promise<void> {
  await act(page, 'accept-all').click();
  await until('the page view', () => fixture.events.length > 0);
}

describe('before a choice', () => {
  test('the banner is one card: a place for words is not seen before there are any', async () => {
    const page = await visit();
    await act(page, 'accept-all').waitFor();
    expect(await page.locator('#kelisim .k-card').evaluateAll((cards) => cards.map((card) => card.checkVisibility()))).toEqual([false, true]);
    await page.clock.install();
    await act(page, 'accept-all').click();
    await page.locator('.k-toast p:not(:empty)').waitFor();
    await page.clock.fastForward(7000);
    await page.locator('#kelisim').waitFor({ state: 'detached' });
  });

  test('nothing is stored and nothing but loader, banner and question is asked for', async () => {
    const page = await visit();
    await act(page, 'accept-all').waitFor();
    await page.mouse.wheel(0, 800);
    await page.keyboard.press('Escape');
    await settle(page);
    await page.goto(`${fixture.origin}/second`);
    await act(page, 'accept-all').waitFor();
    expect(await stored(page)).toEqual(nothing);
    await page.goto('about:blank');
    expect(new Set(fixture.calledPaths)).toEqual(
      new Set(['/kelisim/k.js', '/kelisim/a/0/banner.js', '/kelisim/a/0/banner.css', '/kelisim/v1/banner']),
    );
  });

  test('the first layer comes with the loader, and that it is shown is all that is told', async () => {
    fixture.asks = 'ru';
    const page = await visit('/?lang=ru');
    await act(page, 'accept-all').waitFor();
    await until('that it is shown', () => fixture.seen.some(({ path }) => path.endsWith('&layer=0')));
    await settle(page);
    expect(fixture.seen.map(({ path }) => path).filter((path) => path.startsWith('/kelisim/'))).toEqual(['/kelisim/k.js', '/kelisim/v1/banner?site=shop&lang=ru&layer=0']);
    expect(await page.locator('#kelisim').getAttribute('lang')).toBe('ru');
    expect(await page.locator('#kelisim').evaluate((root) => getComputedStyle(root).position)).toBe('fixed');
    expect(await stored(page)).toEqual(nothing);
    await page.locator('[data-kelisim-lang="en"]').click();
    await until('the other language', () => fixture.seen.at(-1)!.path.endsWith('lang=en&again=1&layer=1'));
    await act(page, 'customise').click();
    await page.locator('dialog').waitFor();
    await act(page, 'save').click();
    await until('the decision', () => fixture.decisions.length > 0);
    expect(fixture.decisions[0]).toMatchObject({ action: 'custom', lang: 'en' });
  });

  test('a first layer that came in another language than the page\'s is not shown', async () => {
    fixture.asks = 'ru';
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    expect(await page.locator('#kelisim').getAttribute('lang')).toBe('en');
    expect(fixture.seen.map(({ path }) => path).filter((path) => path.includes('v1/banner'))).toEqual(['/kelisim/v1/banner?site=shop&lang=,en&layer=1']);
  });

  test('a browser without constructed style sheets loads the file', async () => {
    fixture.asks = 'en';
    const page = await (await visitor(browser)).newPage();
    await page.addInitScript('CSSStyleSheet.prototype.replaceSync = () => { throw new TypeError() }');
    await page.goto(`${fixture.origin}/?lang=en`);
    await act(page, 'accept-all').waitFor();
    expect(fixture.calledPaths).toContain('/kelisim/a/0/banner.css');
    expect(await page.locator('#kelisim').evaluate((root) => getComputedStyle(root).position)).toBe('fixed');
  });

  test('events of the page are dropped, not kept', async () => {
    const page = await visit();
    await act(page, 'accept-all').waitFor();
    await page.evaluate(() => (window as never as { kelisim: { event(name: string): void } }).kelisim.event('early'));
    await accept(page);
    await settle(page);
    expect(fixture.events.map(({ name }) => name)).toEqual(['pageview']);
  });

  test('closing the settings is no choice', async () => {
    const page = await visit();
    for (const close of [
      () => page.keyboard.press('Escape'),
      () => page.locator('.k-close').click(),
      () => act(page, 'cancel').click(),
      () => page.mouse.click(5, 5),
    ]) {
      await act(page, 'customise').click();
      await page.locator('dialog').waitFor();
      expect(await page.locator('dialog input:checked').count()).toBe(0);
      await page.locator('[data-kelisim-item=analytics]').check();
      await close();
      await page.locator('dialog').waitFor({ state: 'detached' });
      expect(await page.evaluate(() => document.activeElement?.getAttribute('data-kelisim-action'))).toBe('customise');
    }
    expect(await act(page, 'accept-all').isVisible()).toBe(true);
    expect(fixture.decisions).toEqual([]);
    expect(await stored(page)).toEqual(nothing);
  });

  test('data-auto="false" waits until it is asked', async () => {
    const page = await visit('/?tag=data-auto="false"');
    await settle(page);
    expect(fixture.calledPaths).toEqual(['/kelisim/k.js']);
    await page.evaluate(() => (window as never as { kelisim: { open(): void } }).kelisim.open());
    await act(page, 'accept-all').waitFor();
  });

  test('when the collector is away the page is as it was', async () => {
    fixture.trouble = 'cut';
    const page = await visit();
    await settle(page);
    expect(await page.locator('#kelisim').count()).toBe(0);
    expect(await stored(page)).toEqual(nothing);
  });

  test('the page behind stays usable and a focused link is never covered', async () => {
    const page = await visit('/', { viewport: { width: 320, height: 640 } });
    await act(page, 'accept-all').waitFor();
    for (const id of ['first', 'last']) {
      const free = await page.locator(`#${id}`).evaluate((link) => {
        link.focus();
        const { left, top, width, height } = link.getBoundingClientRect();
        const seen = document.elementFromPoint(left + width / 2, top + height / 2);
        return seen === link;
      });
      expect(free).toBe(true);
    }
  });
});

describe('a choice', () => {
  test('the settings are on their way before they are asked for, and where they cannot be had it is said', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'customise').hover();
    await until('the script', () => fixture.calledPaths.includes('/kelisim/a/0/settings.js'));
    expect(fixture.decisions).toEqual([]);

    const other = await visit('/?lang=en');
    await other.route('**/settings.js*', (route) => route.abort());
    await other.clock.install();
    await act(other, 'customise').click();
    await expect.poll(() => other.locator('#kelisim').getAttribute('aria-busy')).toBe('true');
    await other.clock.fastForward(10_500);
    await other.locator('.k-toast p:not(:empty)').waitFor();
    expect(await other.locator('#kelisim').getAttribute('aria-busy')).toBe(null);
    expect(await other.locator('dialog').count()).toBe(0);
    await other.unroute('**/settings.js*');
    await act(other, 'customise').click();
    await other.locator('dialog[open]').waitFor();
  });

  test('accept: one decision, one page view', async () => {
    const page = await visit('/second?utm_source=letter&secret=1#part');
    await accept(page);
    await settle(page);
    expect(fixture.decisions).toHaveLength(1);
    expect(fixture.decisions[0]).toMatchObject({
      v: 1, site: 'shop', edition: fixture.edition, lang: 'kk', action: 'accept_all', shown: { variant: 'bar-1', text_sha256: '0'.repeat(64) },
    });
    expect(fixture.events).toEqual([
      { seq: 1, name: 'pageview', url: `${fixture.origin}/second?utm_source=letter`, ago: expect.any(Number) as number, session: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    ]);
    expect(await stored(page)).toMatchObject({ cookies: ['kelisim', 'kelisim-state'], local: ['kelisim-session'] });
    expect(await page.evaluate(() => document.cookie)).not.toContain('kelisim=');
    await page.goto(`${fixture.origin}/third`);
    await until('the second page view', () => fixture.events.filter(({ name }) => name === 'pageview').length === 2);
    expect(await page.locator('#kelisim').count()).toBe(0);
    expect(await page.locator('#kelisim-open').textContent()).toBe('Құпиялылық баптаулары');
    expect(fixture.events.at(-1)!.session).toBe(fixture.events[0]!.session);
  });

  test('refuse: the same mark for everybody, and no event ever', async () => {
    const marks: string[] = [];
    for (let i = 0; i < 2; i++) {
      const page = await visit();
      await act(page, 'refuse-all').click();
      await page.locator('#kelisim-open').waitFor();
      await page.evaluate(() => (window as never as { kelisim: { event(name: string): void } }).kelisim.event('never'));
      await page.goto(`${fixture.origin}/second`);
      await page.locator('#kelisim-open').waitFor();
      await settle(page);
      expect(await stored(page)).toEqual({ ...nothing, cookies: ['kelisim-state'] });
      marks.push(await page.evaluate(() => document.cookie));
      await page.close();
    }
    expect(marks[0]).toBe(marks[1]);
    expect(fixture.calls).toEqual([]);
    expect(fixture.calledPaths).not.toContain('/kelisim/a/0/telemetry.js');
  });

  test('a choice by purpose is sent as it was made, shown again, and changed', async () => {
    const page = await visit();
    await act(page, 'customise').click();
    expect(await page.locator('dialog input:checked').count()).toBe(0);
    await page.locator('[data-kelisim-item=marketing]').check();
    await act(page, 'save').click();
    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw').waitFor();
    expect(fixture.decisions[0]).toMatchObject({ action: 'custom', choices: { analytics: false, marketing: true, third_party: false } });
    expect(fixture.calls).toEqual([]);
    expect(await page.locator('[data-kelisim-item=marketing]').isChecked()).toBe(true);
    await page.locator('[data-kelisim-item=analytics]').check();
    await act(page, 'save').click();
    await until('the page view', () => fixture.events.length === 1);
    expect(fixture.decisions[1]).toMatchObject({ action: 'custom', choices: { analytics: true, marketing: true } });
    // What is left without saving changes nothing.
    await page.locator('#kelisim-open').click();
    await page.locator('[data-kelisim-item=marketing]').uncheck();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw').waitFor();
    expect(await page.locator('[data-kelisim-item=marketing]').isChecked()).toBe(true);
    expect(fixture.decisions).toHaveLength(2);
  });

  test('the language can be switched on both layers and keeps what was chosen', async () => {
    const page = await visit('/?lang=ru-KZ');
    await page.getByText('Мы просим вашего согласия').waitFor();
    await page.locator('[data-kelisim-lang=en]').click();
    await page.getByText('We ask for your consent').waitFor();
    expect(await page.locator('#kelisim').getAttribute('lang')).toBe('en');
    await act(page, 'customise').click();
    await page.locator('[data-kelisim-item=analytics]').check();
    await page.locator('dialog [data-kelisim-lang=kk]').click();
    await page.locator('dialog').getByText('Құпиялылық баптаулары').waitFor();
    expect(await page.locator('[data-kelisim-item=analytics]').isChecked()).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.getAttribute('data-kelisim-lang'))).toBe('kk');
    await act(page, 'save').click();
    await until('the decision', () => fixture.decisions.length === 1);
    expect(fixture.decisions[0]).toMatchObject({ lang: 'kk', choices: { analytics: true, marketing: false } });
    expect(await stored(page)).toMatchObject({ writes: expect.not.arrayContaining([expect.stringContaining('cookie')]) as string[] });
  });

  test('a decision that did not arrive is repeated with the same key until it does', async () => {
    const page = await visit();
    await act(page, 'accept-all').waitFor();
    fixture.trouble = 503;
    await act(page, 'accept-all').click();
    await page.getByText('Сервис уақытша қолжетімсіз').waitFor();
    expect(await act(page, 'accept-all').isVisible()).toBe(true);
    expect(await stored(page)).toEqual(nothing);
    fixture.trouble = 'cut';
    await page.getByText('Сервермен байланыс орнату мүмкін болмады').waitFor();
    fixture.trouble = 'none';
    await page.getByText('Қайталау').click();
    await page.locator('#kelisim-open').waitFor();
    await page.getByText('Таңдауыңыз сақталды').waitFor();
    expect(fixture.decisions).toHaveLength(1);
  });

  test('a privacy signal is said and sent', async () => {
    const context = await visitor(browser);
    await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }));
    const page = await context.newPage();
    await page.goto(fixture.origin);
    await page.getByText('Global Privacy Control').waitFor();
    await accept(page);
    expect(fixture.decisions[0]).toMatchObject({ gpc: true });
    const state = await page.evaluate(() => (window as never as { kelisim: { state(): unknown } }).kelisim.state());
    expect(state).toMatchObject({ status: 'granted', purposes: ['analytics'], gpc: true });
  });

  test('accept and refuse are equal, and visible at once on a small screen', async () => {
    const page = await visit('/', { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' });
    await act(page, 'accept-all').waitFor();
    const looks = await page.evaluate(() =>
      ['accept-all', 'refuse-all'].map((action) => {
        const button = document.querySelector<HTMLElement>(`[data-kelisim-action=${action}]`)!;
        const { width, height, bottom } = button.getBoundingClientRect();
        const { font, color, backgroundColor, borderColor } = getComputedStyle(button);
        return { width: Math.round(width), height, visible: bottom <= innerHeight, font, color, backgroundColor, borderColor, tag: button.tagName };
      }),
    );
    expect(looks[0]).toEqual(looks[1]);
    expect(looks[0]).toMatchObject({ visible: true, tag: 'BUTTON' });
    expect(looks[0]!.height).toBeGreaterThanOrEqual(44);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  });
});

describe('taking back', () => {
  for (const way of ['settings', 'interface'] as const) {
    test(`by the ${way}: the mark is all that stays, and nothing more is sent`, async () => {
      const page = await visit();
      await accept(page);
      const before = fixture.calls.length;
      if (way === 'settings') {
        await page.locator('#kelisim-open').click();
        await act(page, 'withdraw').click();
      } else {
        await page.evaluate(() => (window as never as { kelisim: { withdraw(): void } }).kelisim.withdraw());
      }
      await until('the withdrawal', () => fixture.decisions.some(({ action }) => action === 'withdraw'));
      await settle(page);
      const atEnd = fixture.calls.length;
      expect(atEnd - before).toBeLessThanOrEqual(1);
      await page.evaluate(() => {
        history.pushState({}, '', '/inside');
        (window as never as { kelisim: { event(name: string): void } }).kelisim.event('never');
      });
      await page.goto(`${fixture.origin}/second`);
      await page.locator('#kelisim-open').waitFor();
      await settle(page);
      expect(fixture.calls.length).toBe(atEnd);
      expect(await stored(page)).toEqual({ ...nothing, cookies: ['kelisim-state'] });
    });
  }

  test('another tab hears of it within a second', async () => {
    const page = await visit();
    const other = await page.context().newPage();
    await other.goto(`${fixture.origin}/second`);
    await act(other, 'accept-all').waitFor();
    await accept(page);
    await other.locator('#kelisim').waitFor({ state: 'detached', timeout: 1000 });
    await until('the other tab’s page view', () => fixture.events.length === 2);
    expect(new Set(fixture.events.map(({ seq }) => seq)).size).toBe(2);
    await page.evaluate(() => (window as never as { kelisim: { withdraw(): void } }).kelisim.withdraw());
    await other.waitForFunction(
      () => (window as never as { kelisim: { state(): { status: string } } }).kelisim.state().status === 'withdrawn',
      undefined,
      { timeout: 1000 },
    );
    const calls = fixture.calls.length;
    await other.evaluate(() => history.pushState({}, '', '/inside'));
    await settle(other);
    expect(fixture.calls.length).toBe(calls);
    expect(await stored(other)).toMatchObject({ local: [] });
  });
});

describe('the page’s own rules', () => {
  test('a strict policy with trusted types sees no violation', async () => {
    const page = await visit('/strict');
    await act(page, 'customise').click();
    await page.locator('[data-kelisim-item=analytics]').check();
    await act(page, 'save').click();
    await until('the page view', () => fixture.events.length > 0);
    await page.locator('#kelisim-open').click();
    await act(page, 'withdraw').click();
    await page.locator('dialog').waitFor({ state: 'detached' });
    await settle(page);
    expect(await page.evaluate(() => (window as never as { violations: string[] }).violations)).toEqual([]);
    expect(await page.locator('#kelisim-open').evaluate((control) => getComputedStyle(control).position)).toBe('fixed');
  });

  test('hostile styles do not reach the banner', async () => {
    const page = await visit('/hostile', { reducedMotion: 'reduce' });
    await act(page, 'customise').click();
    const look = await page.locator('dialog').evaluate((dialog) => {
      const { letterSpacing, textTransform, fontSize } = getComputedStyle(dialog.querySelector('p')!);
      return { letterSpacing, textTransform, fontSize, switches: getComputedStyle(dialog.querySelector('input')!).display };
    });
    expect(look).toEqual({ letterSpacing: 'normal', textTransform: 'none', fontSize: '14.4px', switches: 'block' });
    const places = (shown: Page) =>
      shown.evaluate(() =>
        [...document.querySelectorAll('.k-bar button, .k-bar h2, .k-bar p')].map((part) => JSON.stringify(part.getBoundingClientRect())),
      );
    const plain = await visit('/', { reducedMotion: 'reduce' });
    await act(plain, 'accept-all').waitFor();
    expect(await places(page)).toEqual(await places(plain));
  });

  test('waiting tags start with their purpose, and only with it', async () => {
    const page = await visit('/waiting');
    const ran = () =>
      page.evaluate(() => {
        const { ranAnalytics, ranMarketing } = window as never as Record<string, unknown>;
        return [ranAnalytics, ranMarketing, document.querySelector('iframe')!.src];
      });
    await act(page, 'customise').click();
    expect(await ran()).toEqual([undefined, undefined, '']);
    await page.locator('[data-kelisim-item=analytics]').check();
    await act(page, 'save').click();
    await page.waitForFunction(() => 'ranAnalytics' in window);
    expect(await ran()).toEqual([1, undefined, '']);
    await page.locator('#kelisim-open').click();
    await page.locator('[data-kelisim-item=marketing]').check();
    await act(page, 'save').click();
    await page.waitForFunction(() => 'ranMarketing' in window);
    expect(await ran()).toEqual([1, 1, 'about:blank?marketing']);
  });
});
