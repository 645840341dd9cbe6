/** Keyboard and assistive technology, on both layers, against the fixture collector and the built files. */

import { readFileSync } from 'node:fs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launch, visitor } from './browser.ts';
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

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]`);

async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await visitor(browser, { reducedMotion: 'reduce', ...options })).newPage();
  await page.goto(fixture.origin + path);
  await act(page, 'accept-all').waitFor();
  return page;
}

/** A short name of the element that has the keyboard. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { dataset, id, className, localName } = document.activeElement as HTMLElement;
    return dataset['kelisimAction'] ?? dataset['kelisimLang'] ?? dataset['kelisimItem'] ?? (id || className || localName);
  });

/** Presses Tab again and again; the names of what got the keyboard. */
async function tabs(page: Page, times: number): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < times; i++) {
    await page.keyboard.press('Tab');
    names.push(await focused(page));
  }
  return names;
}

describe('keyboard', () => {
  test('the banner comes first, in the order it is read, and lets the keyboard go on into the page', async () => {
    const page = await visit('/');
    expect(await tabs(page, 9)).toEqual(['k-scroll', 'kk', 'ru', 'en', 'k-link', 'refuse-all', 'accept-all', 'customise', 'first']);
  });

  test('the settings begin at their title, keep the keyboard, and are decided without a mouse', async () => {
    const page = await visit('/');
    await act(page, 'customise').focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor();
    expect(await focused(page)).toBe('kelisim-settings');
    const order = ['k-close', 'k-scroll', 'kk', 'ru', 'en', 'analytics', 'marketing', 'third_party', 'k-link', 'save', 'cancel'];
    expect(await tabs(page, order.length)).toEqual(order);
    // Past the end the keyboard goes to the browser's own controls and back, never to the page behind.
    for (const name of await tabs(page, order.length + 4)) expect([...order, 'body']).toContain(name);
    await page.locator('[data-kelisim-item=analytics]').focus();
    await page.keyboard.press('Space');
    await act(page, 'save').focus();
    await page.keyboard.press('Enter');
    await page.locator('#kelisim-open').waitFor();
    expect(fixture.decisions).toEqual([expect.objectContaining({ action: 'custom', choices: { analytics: true, marketing: false, third_party: false } })]);
  });

  test('it returns to where it came from', async () => {
    const page = await visit('/');
    await page.locator('#first').focus();
    await page.keyboard.press('Shift+Tab');
    expect(await focused(page)).toBe('customise');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.locator('#kelisim-open').waitFor();
    expect(await focused(page)).toBe('first');
    await page.locator('#kelisim-open').focus();
    for (const leave of [() => page.keyboard.press('Escape'), () => act(page, 'withdraw').press('Enter')]) {
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor();
      await leave();
      await page.locator('dialog').waitFor({ state: 'detached' });
      expect(await focused(page)).toBe('kelisim-open');
    }
  });
});

const axeSource = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

interface Axe {
  run(context: { include: string[] }, options: { runOnly: string[] }): Promise<{
    passes: unknown[];
    violations: { id: string; nodes: { html: string }[] }[];
  }>;
}

/** What axe finds against WCAG 2.2 A and AA in our part of the page. */
function findings(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe } = window as never as { axe: Axe };
    const include = ['#kelisim', '#kelisim-open'].filter((selector) => document.querySelector(selector));
    const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { passes, violations } = await axe.run({ include }, { runOnly });
    if (passes.length < 5) return ['axe looked at next to nothing'];
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
  });
}

describe.each(['kk', 'ru', 'en'])('axe in %s', (lang) => {
  test.each(['light', 'dark'] as const)('%s', async (colorScheme) => {
    for (const [width, height] of [[320, 640], [1280, 800]] as const) {
      const page = await visit(`/?lang=${lang}`, { colorScheme, viewport: { width, height } });
      await page.addScriptTag({ content: axeSource });
      expect(await page.locator('#kelisim').getAttribute('lang')).toBe(lang);
      expect(await findings(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await act(page, 'customise').click();
      await page.locator('[data-kelisim-item=analytics]').check();
      expect(await findings(page)).toEqual([]);
      expect(await page.locator('dialog .k-scroll').evaluate((part) => part.scrollWidth - part.clientWidth)).toBe(0);
      await act(page, 'save').click();
      await page.locator('.k-toast p:not(:empty)').waitFor();
      expect(await findings(page)).toEqual([]);
      await page.close();
    }
  });
});
