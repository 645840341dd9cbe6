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

describe('sight', () => {
  test.each(['', 'k-corner'])('whatever has the keyboard is not covered, on the page and on both layers (place %j)', async (place) => {
    fixture.look = { place };
    const page = await visit('/', { viewport: { width: 320, height: 640 } });
    const seen = () =>
      page.evaluate(() => {
        const { left, right, top, bottom } = document.activeElement!.getBoundingClientRect();
        const at = document.elementFromPoint((left + right) / 2, Math.min((top + bottom) / 2, innerHeight - 1));
        return document.activeElement!.contains(at) && top >= -1 && left >= 0;
      });
    for (let i = 0; i < 10; i++) {
      await page.keyboard.press('Tab');
      expect(await seen(), await focused(page)).toBe(true);
      if ((await focused(page)) === 'last') break;
    }
    expect(await focused(page)).toBe('last');
    await act(page, 'customise').focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor();
    for (let i = 0; i < 11; i++) {
      await page.keyboard.press('Tab');
      expect(await seen(), await focused(page)).toBe(true);
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
    const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
    const { passes, violations } = await axe.run({ include }, { runOnly });
    if (passes.length < 5) return ['axe looked at next to nothing'];
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
  });
}

const sizes = [{ width: 320, height: 640 }, { width: 1280, height: 800 }];
const schemes = [
  { colorScheme: 'light', forcedColors: 'none' },
  { colorScheme: 'dark', forcedColors: 'none' },
  { colorScheme: 'light', forcedColors: 'active' },
] as const;

describe.each(['kk', 'ru', 'en'])('axe in %s', (lang) => {
  test.each([16, 32])('on both layers, light, dark and forced colours, narrow and wide, with text of %i px', async (standard) => {
    const page = await visit(`/?lang=${lang}`);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Page.setFontSizes', { fontSizes: { standard } });
    await page.addScriptTag({ content: axeSource });
    expect(await page.locator('#kelisim').evaluate((root) => [root.getAttribute('lang'), getComputedStyle(root).fontSize])).toEqual([lang, `${standard}px`]);
    const everywhere = async (): Promise<void> => {
      for (const size of sizes) {
        await page.setViewportSize(size);
        for (const scheme of standard === 16 ? schemes : schemes.slice(0, 1)) {
          await page.emulateMedia(scheme);
          expect(await findings(page), JSON.stringify({ ...size, ...scheme })).toEqual([]);
        }
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width);
      }
    };
    await everywhere();
    await act(page, 'customise').click();
    await page.locator('[data-kelisim-item=analytics]').check();
    await everywhere();
    expect(await page.locator('dialog .k-scroll').evaluate((part) => part.scrollWidth - part.clientWidth)).toBe(0);
    await act(page, 'save').click();
    await page.locator('.k-toast p:not(:empty)').waitFor();
    expect(await findings(page)).toEqual([]);
  });
});
