/** How the banner looks: places, colours, sizes of text, and pages that fight with it. */

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
  const page = await (await visitor(browser, options)).newPage();
  page.on('pageerror', (error) => expect.unreachable(error.stack ?? String(error)));
  await page.goto(fixture.origin + path);
  await act(page, 'accept-all').waitFor();
  return page;
}

const phone = { viewport: { width: 320, height: 640 } };
const desk = { viewport: { width: 1280, height: 800 } };
const langs = ['kk', 'ru', 'en'];
const dress = '@layer kelisim{#kelisim{--k-radius:0px!important}@media(prefers-color-scheme:light){#kelisim{--k-accent:#ffd600!important;--k-on:#000000!important;--k-back:#222222!important;--k-text:#eeeeee!important}}}';

interface Answer {
  tag: string;
  width: number;
  height: number;
  look: string;
  contrast: number;
  seen: boolean;
}

/** Accept and refuse as they are drawn: everything that makes one heavier than the other. */
const answers = (page: Page): Promise<[Answer, Answer]> =>
  page.evaluate(() => {
    const luminance = (colour: string): number => {
      const [r, g, b] = colour.match(/[\d.]+/g)!.slice(0, 3).map((n) => (Number(n) / 255 <= 0.04045 ? Number(n) / 255 / 12.92 : ((Number(n) / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    return ['accept-all', 'refuse-all'].map((action) => {
      const button = document.querySelector<HTMLElement>(`#kelisim [data-kelisim-action=${action}]`)!;
      const { width, height, left, top, right, bottom } = button.getBoundingClientRect();
      const { font, color, backgroundColor, backgroundImage, border, boxShadow, opacity, transform, filter, letterSpacing, textTransform, padding, borderRadius } = getComputedStyle(button);
      const [a, b] = [luminance(color) + 0.05, luminance(backgroundColor) + 0.05];
      const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      return {
        tag: button.tagName,
        width: Math.round(width * 10) / 10, // browsers place boxes by 1/64 px
        height,
        look: [font, color, backgroundColor, backgroundImage, border, boxShadow, opacity, transform, filter, letterSpacing, textTransform, padding, borderRadius].join(' | '),
        contrast: Math.max(a, b) / Math.min(a, b),
        seen: top >= 0 && left >= 0 && right <= innerWidth && bottom <= innerHeight && button.contains(hit),
      };
    }) as [Answer, Answer];
  });

/** Both answers are seen, can be read, can be hit, and weigh the same. */
function fair([accept, refuse]: [Answer, Answer]): void {
  expect(refuse).toEqual(accept);
  expect(accept).toMatchObject({ tag: 'BUTTON', seen: true });
  expect(accept.height).toBeGreaterThanOrEqual(44);
  expect(accept.contrast).toBeGreaterThanOrEqual(4.5);
}

/** Where the banner stands, from each edge of the window. */
const edges = (page: Page) =>
  page.locator('#kelisim').evaluate((root) => {
    const { left, right, bottom, width } = root.getBoundingClientRect();
    return { left, right: document.documentElement.clientWidth - right, bottom: innerHeight - bottom, width };
  });

describe('accept and refuse', () => {
  test.each(langs)('are equal and seen without scrolling in %s, everywhere, in each theme, also under hostile rules (R05, R06)', async (lang) => {
    for (const place of ['', 'k-box', 'k-corner', 'k-corner k-right']) {
      fixture.look = place === 'k-box' ? { place, style: dress } : { place };
      const page = await visit(`${place === 'k-corner' ? '/hostile' : '/'}?lang=${lang}`, phone);
      for (const size of [phone.viewport, desk.viewport]) {
        await page.setViewportSize(size);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          fair(await answers(page));
        }
        expect((await edges(page)).right).toBeGreaterThanOrEqual(8);
      }
      await page.close();
    }
  });
});

describe('places', () => {
  test('bar, box and corner stand where they are told, and move nothing of the page', async () => {
    const middle = { left: 424, right: 424, bottom: 12, width: 432 };
    for (const [place, want] of [
      ['', { left: 12, right: 12, bottom: 12, width: 1256 }],
      ['k-box', middle],
      ['k-corner', { ...middle, left: 12, right: 836 }],
      ['k-corner k-right', { ...middle, left: 836, right: 12 }],
    ] as const) {
      fixture.look = { place };
      const context = await visitor(browser, desk);
      const page = await context.newPage();
      await page.addInitScript(() => {
        new PerformanceObserver((list) => {
          (window as never as { shifts: number }).shifts += list.getEntries().length;
        }).observe({ type: 'layout-shift', buffered: true });
        (window as never as { shifts: number }).shifts = 0;
      });
      await page.goto(fixture.origin);
      await act(page, 'accept-all').waitFor();
      const wide = await edges(page);
      for (const side of Object.keys(want) as (keyof typeof want)[]) expect(Math.abs(wide[side] - want[side]), `${place}: ${side}`).toBeLessThan(8);
      await act(page, 'customise').click();
      await page.locator('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.waitForTimeout(200);
      expect(await page.evaluate(() => (window as never as { shifts: number }).shifts)).toBe(0);
      await page.setViewportSize(phone.viewport);
      expect(await edges(page)).toEqual({ left: 12, right: 12, bottom: 12, width: 296 });
      await context.close();
    }
  });

  test('the banner reads in its own direction on a page that reads in the other, and is ready for one', async () => {
    const page = await visit('/?lang=ru', phone);
    await page.evaluate(() => (document.documentElement.dir = 'rtl'));
    const direction = () => page.locator('#kelisim').evaluate((root) => getComputedStyle(root).direction);
    expect(await direction()).toBe('ltr');
    fair(await answers(page));
    await page.locator('#kelisim').evaluate((root) => root.setAttribute('dir', 'rtl'));
    expect(await direction()).toBe('rtl');
    fair(await answers(page));
    await act(page, 'customise').click();
    await page.locator('dialog').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    const x = (selector: string) => page.locator(selector).first().evaluate((part) => part.getBoundingClientRect().x);
    expect(await x('dialog .k-close')).toBeLessThan(await x('dialog h2'));
    expect(await x('dialog input')).toBeLessThan(await x('dialog label .k-name'));
  });

  test('paper has no banner', async () => {
    const page = await visit('/');
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('#kelisim').evaluate((root) => getComputedStyle(root).display)).toBe('none');
  });
});

describe('colours of the site', () => {
  test('reach both layers under a strict policy, without an attribute, each in its own scheme', async () => {
    fixture.look = { style: dress };
    const page = await visit('/strict', { ...desk, colorScheme: 'light' });
    const colours = (selector: string) =>
      page.locator(selector).first().evaluate((part) => {
        const { backgroundColor, color, borderRadius } = getComputedStyle(part);
        return [backgroundColor, color, borderRadius];
      });
    expect(await colours('[data-kelisim-action=accept-all]')).toEqual(['rgb(255, 214, 0)', 'rgb(0, 0, 0)', '0px']);
    await act(page, 'customise').click();
    await page.locator('dialog').waitFor();
    expect(await colours('dialog')).toEqual(['rgb(34, 34, 34)', 'rgb(238, 238, 238)', '0px']);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await colours('dialog')).toEqual(['rgb(23, 34, 43)', 'rgb(238, 243, 245)', '0px']);
    expect(await page.locator('#kelisim [style], #kelisim style').count()).toBe(0);
    expect(await page.evaluate(() => (window as never as { violations: string[] }).violations)).toEqual([]);
  });

  test('forced colours leave every control with an edge, and a switch with two looks', async () => {
    const page = await visit('/', { forcedColors: 'active' });
    await act(page, 'customise').click();
    await page.locator('dialog').waitFor();
    const edge = await page.locator('#kelisim button:not(.k-lang)').evaluateAll((buttons) => buttons.map((button) => parseFloat(getComputedStyle(button).borderTopWidth)));
    expect(Math.min(...edge)).toBeGreaterThanOrEqual(1);
    const box = page.locator('[data-kelisim-item=analytics]');
    const look = () => box.evaluate((input) => getComputedStyle(input).backgroundColor + getComputedStyle(input, '::before').backgroundColor);
    const off = await look();
    await box.check();
    expect(await look()).not.toBe(off);
  });
});

describe('hostile pages', () => {
  test('whatever a page demands, also with !important, both layers are drawn as on a page without rules', async () => {
    const drawn = (page: Page) =>
      page.evaluate(() =>
        [...document.querySelectorAll('#kelisim, #kelisim *')].map((part) => {
          const { x, y, width, height } = part.getBoundingClientRect();
          const s = getComputedStyle(part);
          return [part.localName, part.className, x, y, width, height, s.font, s.color, s.backgroundColor, s.opacity, s.visibility, s.letterSpacing, s.textTransform, getComputedStyle(part, '::before').content].join(' ');
        }),
      );
    const [hostile, plain] = [await visit('/hostile', desk), await visit('/', desk)];
    expect(await drawn(hostile)).toEqual(await drawn(plain));
    for (const page of [hostile, plain]) {
      await act(page, 'customise').click();
      await page.locator('[data-kelisim-item=analytics]').check();
    }
    expect(await drawn(hostile)).toEqual(await drawn(plain));
    await hostile.keyboard.press('Tab');
    expect(await hostile.evaluate(() => getComputedStyle(document.activeElement!).outlineWidth)).toBe('3px');
  });
});

describe('large and wide text', () => {
  test.each(langs)('twice the size of text: nothing is cut off or covered, everything can be reached in %s', async (lang) => {
    for (const { viewport } of [phone, desk]) {
      const page = await visit(`/?lang=${lang}`, { viewport });
      const devtools = await page.context().newCDPSession(page);
      await devtools.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
      await page.reload();
      await act(page, 'accept-all').waitFor();
      expect(await page.locator('#kelisim-title').evaluate((title) => parseFloat(getComputedStyle(title).fontSize))).toBeGreaterThan(34);
      await reachable(page);
      await act(page, 'customise').click();
      await page.locator('dialog').waitFor();
      await reachable(page);
      await page.close();
    }
  });

  test.each(langs)('no word of a title is broken on a phone in %s', async (lang) => {
    const page = await visit(`/?lang=${lang}`, phone);
    await page.evaluate(() => (document.body.style.fontSize = '17px'));
    expect(await broken(page)).toEqual([]);
    await act(page, 'customise').click();
    await page.locator('dialog').waitFor();
    expect(await broken(page)).toEqual([]);
  });

  test.each(langs)('text with more space between letters, words and lines is not cut off in %s', async (lang) => {
    const page = await visit(`/?lang=${lang}`, phone);
    const spaced = '{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}p{margin-bottom:2em!important}';
    await page.evaluate((css) => {
      // As a visitor's own style sheet: before all layers of the page.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [sheet];
      const first = document.createElement('style');
      first.textContent = `@layer visitor{${css}}`;
      document.head.prepend(first);
    }, `#kelisim *${spaced}`);
    expect(await page.locator('#kelisim p').first().evaluate((text) => parseFloat(getComputedStyle(text).letterSpacing))).toBeGreaterThan(1);
    await reachable(page);
    await act(page, 'customise').click();
    await page.locator('dialog').waitFor();
    await reachable(page);
  });
});

/** Words of titles that stand on more than one line. */
const broken = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('#kelisim :is(h2, h3)')].filter((title) => title.checkVisibility()).flatMap((title) => {
      const text = title.firstChild as Text;
      return [...text.data.matchAll(/\S+/g)].filter(({ index, 0: word }) => {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        return new Set([...range.getClientRects()].map(({ top }) => top)).size > 1;
      }).map(([word]) => word);
    }));

/** No text runs out of its box sideways, no control is narrower than its words, and each control can be scrolled to. */
async function reachable(page: Page): Promise<void> {
  const cut = await page.evaluate(() => {
    const within = document.querySelector('dialog') ?? document.querySelector('#kelisim')!;
    return [...within.querySelectorAll<HTMLElement>('*')]
      .filter((part) => part.checkVisibility() && part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0 && getComputedStyle(part).display !== 'inline')
      .map((part) => `${part.localName}.${part.className}: ${part.scrollWidth} in ${part.clientWidth}`);
  });
  expect(cut).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  for (const button of await page.locator(`${(await page.locator('dialog').count()) ? 'dialog' : '#kelisim'} button`).all()) {
    if (!(await button.isVisible())) continue;
    await button.scrollIntoViewIfNeeded();
    expect(await button.evaluate((part) => {
      const { left, right, top, bottom } = part.getBoundingClientRect();
      return part.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2)) && left >= 0 && right <= innerWidth;
    })).toBe(true);
  }
}
