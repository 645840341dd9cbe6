/** What is said and where the keyboard is: when a consent is taken back, while the collector is away, and on pages that undo what is ours. */

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launch, until, visitor } from './browser.ts';
import { Fixture } from './fixture.ts';

let browser: Browser;
let fixture: Fixture;
let errors: string[];

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  errors = [];
  fixture = await new Fixture().open();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await fixture.close();
  expect(errors).toEqual([]);
});

async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await visitor(browser, options)).newPage();
  page.on('pageerror', (error) => errors.push(error.stack ?? String(error)));
  await page.goto(fixture.origin + path);
  return page;
}

const act = (page: Page, action: string) => page.locator(`[data-kelisim-action="${action}"]`);
const settle = (page: Page) => page.waitForTimeout(500);
const takeBack = (page: Page) => page.evaluate(() => (window as never as { kelisim: { withdraw(): void } }).kelisim.withdraw());
const status = (page: Page) => page.evaluate(() => (window as never as { kelisim: { state(): { status: string } } }).kelisim.state().status);
const retry = (page: Page) => page.getByRole('button', { name: 'Try again' });
const attempts = () => fixture.seen.filter(({ path }) => path.endsWith('/v1/consent')).length;
const focused = (page: Page) =>
  page.evaluate(() => {
    const { id, textContent, localName } = document.activeElement as HTMLElement;
    return localName === 'body' ? 'body' : id || textContent;
  });

/** A page of somebody who consented on another one. */
async function granted(lang: string): Promise<Page> {
  const page = await visit(`/?lang=${lang}`);
  await act(page, 'accept-all').click();
  await until('the page view', () => fixture.events.length > 0);
  await page.goto(`${fixture.origin}/second?lang=${lang}`);
  await page.locator('#kelisim-open').waitFor();
  return page;
}

describe('a consent that the page takes back', () => {
  const notes = { kk: 'Келісіміңіз кері қайтарып алынды', ru: 'Ваше согласие отозвано', en: 'Your consent is withdrawn' };
  test.each(Object.entries(notes))('is said to be so in %s where nothing was asked', async (lang, note) => {
    fixture.look = { place: 'k-corner' };
    const page = await granted(lang);
    await takeBack(page);
    await page.locator('.k-toast').getByText(note).waitFor();
    expect(await page.locator('#kelisim').evaluate((root: HTMLElement) => [root.lang, root.classList.contains('k-corner'), getComputedStyle(root).position])).toEqual([lang, true, 'fixed']);
    expect(fixture.seen.filter(({ path }) => path.includes('/v1/banner')).at(-1)!.path).toContain('again=1'); // it is not another banner shown
  });

  test.each([undefined, 'en'])('is said to be so where the first layer was shown (loader brings %s)', async (asks) => {
    fixture.asks = asks;
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').click();
    await until('the page view', () => fixture.events.length > 0);
    await takeBack(page);
    await page.locator('.k-toast').getByText(notes.en).waitFor();
  });

  test('leaves time to read what is said', async () => {
    const page = await granted('en');
    await page.clock.install();
    await takeBack(page);
    const note = page.locator('.k-toast').getByText(notes.en);
    await note.waitFor();
    await page.clock.fastForward(12_000);
    expect(await note.isVisible()).toBe(true);
    await page.clock.fastForward(6000);
    await note.waitFor({ state: 'detached' });
  });

  test('does not wait for what is said', async () => {
    const page = await granted('en');
    let go = (): void => undefined;
    const held = new Promise<void>((done) => (go = done));
    await page.route('**/v1/banner?*', async (route) => {
      await held;
      await route.fallback();
    });
    await takeBack(page);
    await expect.poll(() => status(page)).toBe('withdrawn');
    expect(fixture.decisions.map(({ action }) => action)).toEqual(['accept_all', 'withdraw']);
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
    go();
    await page.locator('.k-toast').getByText(notes.en).waitFor();
  });

  test('but did not arrive is said not to have, and nothing late speaks over the end', async () => {
    const page = await granted('en');
    await page.route('**/v1/consent', (route) => route.fulfill({ status: 503, body: '{}' }));
    await takeBack(page);
    await page.locator('.k-toast').getByText('temporarily unavailable').waitFor();
    await page.unroute('**/v1/consent');
    await retry(page).click();
    await page.locator('.k-toast').getByText(notes.en).waitFor();

    const other = await granted('en');
    let go = (): void => undefined;
    let asked = 0;
    const held = new Promise<void>((done) => (go = done));
    await other.route('**/v1/banner?*', async (route) => {
      if (!asked++) await held;
      await route.fallback();
    });
    await other.route('**/v1/consent', (route) => route.fulfill({ status: 503, body: '{}' }), { times: 1 });
    await takeBack(other);
    await other.locator('.k-toast').getByText(notes.en).waitFor();
    go();
    await settle(other);
    expect(asked).toBe(2);
    expect(await other.locator('.k-toast').textContent()).toContain(notes.en);
    expect(await retry(other).count()).toBe(0);
  });
});

test('a page in a language that the site has is spoken to in it, also where its tag names another one, and asked for once', async () => {
  const page = await visit('/?lang=ru&tag=data-lang="de"');
  await page.getByText('Мы просим вашего согласия').waitFor();
  expect(fixture.seen.filter(({ path }) => path.includes('/v1/banner'))).toHaveLength(1);
});

describe('while the collector is away', () => {
  test.each(['accept-all', 'refuse-all', 'save'])('the keyboard goes on at the button that tries again (%s)', async (answer) => {
    const page = await visit('/?lang=en');
    if (answer === 'save') await act(page, 'customise').click();
    await act(page, answer).waitFor();
    fixture.trouble = 'cut';
    await act(page, answer).click();
    await retry(page).waitFor();
    expect(await focused(page)).toBe('Try again');
    fixture.trouble = 503;
    await page.locator('.k-toast').getByText('temporarily unavailable').waitFor();
    expect(await focused(page)).toBe('Try again');
    const before = attempts();
    await until('another attempt', () => attempts() > before);
    await settle(page);
    expect(await focused(page)).toBe('Try again');
  });

  test('the keyboard is where it was before the banner, or where it went since', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    fixture.trouble = 'cut';
    await page.locator('#first').focus();
    await act(page, 'accept-all').click();
    await retry(page).waitFor();
    expect(await focused(page)).toBe('first');
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    fixture.trouble = 503;
    await page.locator('.k-toast').getByText('temporarily unavailable').waitFor();
    expect(await focused(page)).toBe('body');
  });

  test('each kind of trouble is said once, and again to who tries again', async () => {
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      const place = document.querySelector('#kelisim [role=status]')!;
      new MutationObserver(() => place.textContent && said.push(place.textContent.split(' ', 1)[0]!)).observe(place, { childList: true, characterData: true, subtree: true });
    });
    const said = () => page.evaluate(() => (window as never as { said: string[] }).said);
    fixture.trouble = 503;
    await act(page, 'accept-all').click();
    await until('three attempts', () => attempts() > 2); // of those that are cut off a browser makes some by itself
    await settle(page);
    expect(await said()).toEqual(['The']);
    fixture.trouble = 'cut';
    await retry(page).click();
    await expect.poll(said).toEqual(['The', 'Could']);
    await retry(page).click();
    await expect.poll(said).toEqual(['The', 'Could', 'Could']);
    fixture.trouble = 'none';
    await retry(page).click();
    await expect.poll(said).toEqual(['The', 'Could', 'Could', 'Your']);
  });
});

describe('a page that undoes what is ours', () => {
  const fixed = (page: Page) => expect.poll(() => page.locator('#kelisim').evaluate((root) => getComputedStyle(root).position)).toBe('fixed');
  const accent = (page: Page) => page.locator('#kelisim').evaluate((root) => getComputedStyle(root).getPropertyValue('--k-accent'));
  const replace = (page: Page) =>
    page.evaluate(() => {
      const own = new CSSStyleSheet();
      own.replaceSync('h1{letter-spacing:3px}');
      document.adoptedStyleSheets = [own];
    });

  test('style sheets in the place of ours: the banner keeps its look, and the page its own', async () => {
    fixture.asks = 'en';
    fixture.look = { style: '@layer kelisim{#kelisim{--k-accent:#123456!important}}' };
    const page = await visit('/?lang=en');
    await act(page, 'accept-all').waitFor();
    await page.evaluate(() => addEventListener('error', ({ message }) => Object.assign(window, { failed: message })));
    await replace(page);
    await fixed(page);
    expect(await accent(page)).toBe('#123456');
    expect(await page.locator('h1').evaluate((title) => getComputedStyle(title).letterSpacing)).toBe('3px');
    await act(page, 'refuse-all').click();
    await page.locator('.k-toast').getByText('Your refusal is saved').waitFor();
    await page.locator('#kelisim').waitFor({ state: 'detached' });
    await replace(page);
    await page.locator('#kelisim-open').click();
    await page.locator('dialog').waitFor();
    await fixed(page);
    expect(await accent(page)).toBe('#123456');
    expect(await page.evaluate(() => [document.adoptedStyleSheets.length, 'failed' in window])).toEqual([3, false]);
  });
});

test('the region is named by what is in it', async () => {
  const page = await visit('/?lang=en');
  const devtools = await page.context().newCDPSession(page);
  /** As the browser tells a reader. */
  const name = async (): Promise<unknown> => {
    const { root } = await devtools.send('DOM.getDocument');
    const { nodeId } = await devtools.send('DOM.querySelector', { nodeId: root.nodeId, selector: '#kelisim' });
    const { nodes } = await devtools.send('Accessibility.getPartialAXTree', { nodeId, fetchRelatives: false });
    return [nodes[0]!.role?.value, nodes[0]!.name?.value];
  };
  await act(page, 'accept-all').waitFor();
  expect(await name()).toEqual(['region', 'We ask for your consent']);
  await act(page, 'refuse-all').click();
  await page.locator('.k-toast').getByText('Your refusal is saved').waitFor();
  expect(await name()).toEqual(['region', 'Privacy settings']);
});
