/** The rules of living in somebody else's page: keyboard, size, policy, faults, tabs, hosts. */

import { expect } from 'vitest';
import { accept } from './after.ts';
import { act, asked, became, expectNothingKept, seesBanner, seesNoBanner, settle, status, type Play, type Rule } from './stage.ts';
import type { Tab } from './engine.ts';
import { pause, until } from './until.ts';

interface Finding {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe finds in the banner: WCAG 2.0 to 2.2, A and AA, and best practice. */
async function faults(tab: Tab): Promise<string[]> {
  const found = await tab.run(async () => {
    const w = window as never as { axe?: { run(root: Element, options: object): Promise<{ violations: Finding[] }> } };
    if (!w.axe) {
      const script = document.createElement('script');
      script.src = '/axe.js';
      await new Promise((loaded) => {
        script.onload = loaded;
        document.head.append(script);
      });
    }
    // What is still fading in has no colour of its own yet.
    await Promise.all(document.getAnimations().map(({ finished }) => finished));
    const values = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await w.axe!.run(document.getElementById('kelisim')!, { runOnly: { type: 'tag', values } });
    return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary = '' }) => ({ html, failureSummary })) }));
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
}

/** Where the keyboard is. */
const focused = (tab: Tab): Promise<{ inside: boolean; action: string; id: string; dialog: boolean }> =>
  tab.run(() => {
    const at = document.activeElement as HTMLElement;
    return { inside: !!at.closest('#kelisim'), action: at.dataset['kelisimAction'] ?? '', id: at.id, dialog: !!at.closest('dialog') };
  });

/** Presses Tab until it has come to an element. */
async function tabTo(tab: Tab, right: (at: Awaited<ReturnType<typeof focused>>) => boolean, most = 30): Promise<void> {
  for (let i = 0; i < most; i++) {
    await tab.press('Tab');
    if (right(await focused(tab))) return;
  }
  throw new Error('the keyboard never came there');
}

const dialogOpen = (tab: Tab): Promise<boolean> => tab.run(() => document.querySelector('dialog[open]') !== null);

export function page(rule: Rule): void {
  rule('R21 the keyboard reaches all, is trapped by nothing but the settings, and comes back', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    expect(await tab.run(() => [document.getElementById('kelisim')!.getAttribute('role'), !!document.getElementById('kelisim')!.ariaLabel])).toEqual(['region', true]);
    await tabTo(tab, ({ action }) => action === 'refuse-all');
    await tabTo(tab, ({ action }) => action === 'accept-all');
    await tabTo(tab, ({ action }) => action === 'customise');
    await tabTo(tab, ({ id }) => id === 'first');
    await tab.run(() => document.querySelector<HTMLElement>('[data-kelisim-action="customise"]')!.focus());
    await tab.press('Enter');
    await until('the settings are open', () => dialogOpen(tab));
    for (let i = 0; i < 25; i++) {
      await tab.press('Tab');
      const { dialog, id } = await focused(tab);
      // Browsers put their own bar between the last and the first; the page behind is never reached.
      expect(dialog || id === '', `after ${i + 1} steps`).toBe(true);
    }
    await tab.run(() => document.querySelector<HTMLElement>('[data-kelisim-item="analytics"]')!.focus());
    await tab.press('Space');
    expect(await tab.run(() => document.querySelector<HTMLInputElement>('[data-kelisim-item="analytics"]')!.checked)).toBe(true);
    await tab.press('Escape');
    await until('the settings are closed', async () => !(await dialogOpen(tab)));
    expect((await focused(tab)).action).toBe('customise');
    await tab.run(() => document.querySelector<HTMLElement>('[data-kelisim-action="refuse-all"]')!.focus());
    await tab.press('Enter');
    await play.decided();
    await until('what was done is announced', () => tab.run(() => [...document.querySelectorAll('[role="status"]')].some(({ textContent }) => textContent)));
  });

  rule('R21 axe finds nothing on either layer', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    expect((await faults(tab)).join('\n')).toBe('');
    await tab.click(act('customise'));
    await until('the settings are open', () => dialogOpen(tab));
    expect((await faults(tab)).join('\n')).toBe('');
  });

  rule('R22 what has the focus in the page is never hidden behind the banner', async (play) => {
    const visitor = await play.visitor();
    const tab = await visitor.tab();
    await tab.size(320, 640);
    await tab.go(play.site.origin);
    await seesBanner(tab);
    for (const id of ['first', 'middle', 'last']) {
      await tabTo(tab, (at) => at.id === id);
      await until(`${id} is not covered`, () => tab.run(() => {
        const { left, top, right, bottom } = document.activeElement!.getBoundingClientRect();
        const points = [0.1, 0.5, 0.9].flatMap((x) => [0.2, 0.5, 0.8].map((y) => [left + (right - left) * x, top + (bottom - top) * y] as const));
        return points.some(([x, y]) => document.elementFromPoint(x, y) === document.activeElement);
      }), 3000);
    }
  });

  rule('R23 targets are large enough, and nothing is cut at 320 pixels, twice the text size and wide spacing', async (play) => {
    const visitor = await play.visitor();
    const tab = await visitor.tab();
    await tab.size(320, 640);
    await tab.go(play.site.origin);
    await seesBanner(tab);
    for (const layer of ['first', 'settings']) {
      if (layer === 'settings') {
        await tab.click(act('customise'));
        await until('the settings are open', () => dialogOpen(tab));
      }
      for (const style of ['', 'html { font-size: 200% !important }', '* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }']) {
        const bad = await tab.run(misfits, style);
        expect(bad, `${layer} ${style}`).toEqual([]);
      }
    }
  });

  rule('R23 forced colours and reduced motion', async (play) => {
    play.needs('media', 'the driver cannot switch forced colours and reduced motion');
    const { tab } = await play.visit('/', { media: { forcedColors: 'active', reducedMotion: 'reduce' } });
    await seesBanner(tab);
    expect((await faults(tab)).join('\n')).toBe('');
    expect(await tab.run(() => document.getAnimations().length)).toBe(0);
    const edges = await tab.run(() =>
      ['accept-all', 'refuse-all'].map((name) => parseFloat(getComputedStyle(document.querySelector(`[data-kelisim-action="${name}"]`)!).borderTopWidth)),
    );
    expect(Math.min(...edges)).toBeGreaterThan(0);
  });

  rule('R24 everything works under the strictest policy without one violation', async (play) => {
    const { tab } = await play.visit('/strict');
    await seesBanner(tab);
    await tab.click('[data-kelisim-lang="kk"]');
    await until('it is Kazakh', () => tab.run(() => document.getElementById('kelisim')!.lang === 'kk'));
    await tab.click(act('customise'));
    await until('the settings are open', () => dialogOpen(tab));
    await tab.click('dialog [data-kelisim-lang="en"]');
    await until('it is English', () => tab.run(() => document.getElementById('kelisim')!.lang === 'en'));
    await tab.press('Escape');
    await accept(play, tab);
    await until('both waiting tags have run', () => tab.run(() => ((window as never as { ran?: string[] }).ran ?? []).length === 2));
    await tab.click('#kelisim-open');
    await tab.click(act('withdraw'));
    await play.decided(2);
    await settle();
    expect(await tab.run(() => window.probe.violations)).toEqual([]);
    expect(play.site.reports).toEqual([]);
    // Such reports do arrive.
    await tab.run(() => document.body.setAttribute('style', 'margin: 0'));
    await until('a violation is seen', () => tab.run(() => window.probe.violations.length > 0));
    await until('a violation is reported', () => play.site.reports.length > 0);
  });

  rule('R25 a file that somebody changed is refused by a page that pins the loader, and the page works', async (play) => {
    const list = await fetch(`${play.stage.node.collector}/integrity.json`);
    if (!list.ok) play.context.skip('the collector serves no integrity.json');
    const { path, integrity } = pinned(await list.json());
    const query = `/?src=/kelisim/${path}&tag=${encodeURIComponent(`integrity="${integrity}"`)}`;
    const { tab } = await play.visit(query);
    await seesBanner(tab);
    for (const name of [/\/k\.[^/]*js/, /banner\.js/]) {
      play.site.fault = (asked) => (name.test(asked) ? 'flip' : undefined);
      // A profile that has none of the files.
      await tab.close().catch(() => undefined);
      const at = await play.visit(query);
      await settle();
      expect(await asked(at.tab), String(name)).toBe(false);
      expect(await at.tab.run(() => document.getElementById('first')!.textContent)).toBe('Second page');
      await expectNothingKept(at);
      await at.visitor.close();
    }
    expect(play.site.calls('events')).toEqual([]);
  });

  rule('R26 when loader, files, question or collector are away there is no telemetry and the page is as it was', async (play) => {
    const troubles: readonly (readonly [RegExp, 'cut' | 500])[] = [
      [/^\/kelisim\/k\.js/, 'cut'],
      [/\/banner\.js/, 'cut'],
      [/\/v1\/banner/, 500],
      [/^\/kelisim\//, 500],
    ];
    for (const [path, trouble] of troubles) {
      play.site.fault = (wanted) => (path.test(wanted) ? trouble : undefined);
      const at = await play.visit();
      await pause(400);
      expect(await at.tab.run(() => window.probe.errors), String(path)).toEqual([]);
      expect(await asked(at.tab)).toBe(false);
      await expectNothingKept(at);
      await at.visitor.close();
    }
    expect(play.site.calls('events')).toEqual([]);
  });

  rule('R26 an answer that cannot be brought home changes nothing until it is acknowledged', async (play) => {
    const at = await play.visit();
    await seesBanner(at.tab);
    play.site.fault = (path) => (path.includes('/v1/consent') ? 503 : undefined);
    await at.tab.click(act('accept-all'));
    await until('it is tried', () => play.site.calls('consent').length > 0);
    await settle();
    expect(await status(at.tab)).toBe('undecided');
    expect(play.site.calls('events')).toEqual([]);
    await expectNothingKept(at);
    play.site.fault = () => undefined;
    await play.decided();
    await until('the page knows', async () => (await status(at.tab)) === 'granted');
    expect(new Set(play.site.calls('consent').map(({ body }) => (JSON.parse(body) as { key: string }).key)).size).toBe(1);
  });

  rule('R26 errors of the page’s own scripts do no harm', async (play) => {
    const { tab } = await play.visit('/broken');
    await accept(play, tab);
    expect((await tab.run(() => window.probe.errors)).length).toBeGreaterThan(1);
    expect(await status(tab)).toBe('granted');
  });

  rule('R26 without JavaScript nothing happens', async (play) => {
    play.needs('noscript', 'the driver cannot switch JavaScript off');
    await play.visit('/', { javaScript: false });
    await settle();
    expect(play.site.asked.map(({ path }) => path).filter((path) => path !== '/favicon.ico')).toEqual(['/']);
  });

  rule('R27 other tabs follow within a second', async (play) => {
    const visitor = await play.visitor();
    const one = await visitor.tab();
    await one.go(play.site.origin);
    const other = await visitor.tab();
    await other.go(`${play.site.origin}/second`);
    await seesBanner(one);
    await seesBanner(other);
    await accept(play, one);
    expect((await became(other, 'granted')) - (await became(one, 'granted'))).toBeLessThanOrEqual(1000);
    await seesNoBanner(other);
    await until('both page views are sent', () => play.events().filter((name) => name === 'pageview').length === 2);
    await other.run(() => (window as never as { kelisim: { withdraw(): void } }).kelisim.withdraw());
    await play.decided(2);
    expect((await became(one, 'withdrawn')) - (await became(other, 'withdrawn'))).toBeLessThanOrEqual(1000);
    await settle();
    const sent = play.site.calls('events').length;
    await one.run(() => history.pushState({}, '', '/inside'));
    await settle();
    expect(play.site.calls('events').length).toBe(sent);
  });

  rule('R27 a page that comes back whole knows what was decided meanwhile', async (play) => {
    const { tab } = await play.visit();
    await accept(play, tab);
    await settle();
    await tab.go(`${play.site.origin}/second`);
    await until('the second page view', () => play.events().filter((name) => name === 'pageview').length === 2);
    // Taken back behind the back of our scripts, as on the privacy page: no message reaches the page that waits.
    await tab.run(async () => {
      const edition = /1\.([0-9a-f]{16})/.exec(document.cookie)![1];
      await fetch('/kelisim/v1/consent', { method: 'POST', body: JSON.stringify({ v: 1, site: 'demo', edition, lang: 'en', action: 'withdraw', key: '00000000-0000-4000-8000-000000000001' }) });
    });
    await play.decided(2);
    await settle();
    const sent = play.site.calls('events').length;
    await tab.back();
    await until('the first page is back', () => tab.run(() => location.pathname === '/'));
    if ((await tab.run(() => window.probe.persisted)) === 0) play.context.skip(`this browser did not keep the page whole: ${await tab.run(notKept)}`);
    await became(tab, 'withdrawn');
    await settle();
    expect(play.site.calls('events').length).toBe(sent);
    expect(await tab.run(() => document.querySelectorAll('#kelisim dialog[open]').length)).toBe(0);
  });

  rule('R27 going and coming back shows the banner once', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    await tab.go(`${play.site.origin}/second`);
    await seesBanner(tab);
    await tab.back();
    await until('the first page is back', () => tab.run(() => location.pathname === '/'));
    await seesBanner(tab);
    await settle();
    expect(await tab.run(() => document.querySelectorAll('#kelisim, [data-kelisim-action="accept-all"]').length)).toBe(2);
  });

  rule('R27 a page that is only prepared asks nothing and sends nothing', async (play) => {
    play.needs('prerender', 'the browser does not render pages in advance');
    const { tab } = await play.visit();
    await accept(play, tab);
    await settle();
    await tab.go(`${play.site.origin}/prerender`);
    await until('the next page is prepared', () => play.site.asked.filter(({ path }) => path === '/second').length === 1);
    const views = (): number => play.events().filter((name) => name === 'pageview').length;
    await until('the views of the two pages that were seen', () => views() >= 2);
    await settle();
    expect(views()).toBe(2);
    await tab.run(() => {
      const link = document.createElement('a');
      link.href = '/second';
      link.id = 'go';
      link.textContent = 'go';
      document.body.prepend(link);
    });
    await tab.click('#go');
    await until('the page view is sent when it is seen', () => views() === 3);
    expect(play.site.asked.filter(({ path }) => path === '/second').length).toBe(1);
  });

  rule('R28 there is no __tcfapi and no Consent Mode unless the site asks for them', async (play) => {
    const { tab } = await play.visit();
    await accept(play, tab);
    expect(await tab.run(() => ['__tcfapi', '__gpp', '__cmp', 'dataLayer', 'gtag', 'uetq', 'fbq', 'ym'].filter((name) => name in window))).toEqual([]);
    expect(await tab.run(() => document.querySelectorAll('iframe[name^="__tcfapi"], iframe[name^="__gpp"]').length)).toBe(0);
  });

  rule('R28 Consent Mode, where the site asks for it, is denied first and updated once for each choice', async (play) => {
    const { tab } = await play.visit('/consent-mode');
    type Entry = readonly [command: string, what: string, keys: Record<string, unknown>];
    const layer = (): Promise<Entry[]> =>
      tab.run(() => (window as never as { dataLayer: ArrayLike<unknown>[] }).dataLayer.map((entry) => Array.from(entry) as unknown as Entry));
    const consents = async (): Promise<Entry[]> => (await layer()).filter(([command]) => command === 'consent');
    await seesBanner(tab);
    expect((await layer())[0]!.slice(0, 2)).toEqual(['consent', 'default']);
    const keys = ['ad_storage', 'ad_user_data', 'ad_personalization', 'analytics_storage', 'functionality_storage', 'personalization_storage', 'security_storage'];
    for (const key of keys) expect((await layer())[0]![2][key], key).toBe('denied');
    expect((await consents()).length).toBe(1);
    await tab.click(act('customise'));
    await tab.click('[data-kelisim-item="analytics"]');
    await tab.click(act('save'));
    await play.decided();
    await until('the layer is updated', async () => (await consents()).length === 2);
    await settle();
    const [, update, ...more] = await consents();
    expect(more).toEqual([]);
    expect(update).toMatchObject(['consent', 'update', { analytics_storage: 'granted', ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied' }]);
    expect(await tab.run(() => '__tcfapi' in window)).toBe(false);
  });

  rule('R29 no host but the site’s own is asked for anything', async (play) => {
    const { tab } = await play.visit();
    await tab.click(act('customise'));
    await until('the settings are open', () => dialogOpen(tab));
    await tab.press('Escape');
    await accept(play, tab);
    await tab.click('#kelisim-open');
    await tab.click(act('withdraw'));
    await play.decided(2);
    await settle();
    expect(await resources(play, tab)).toEqual([]);
    expect(play.stage.world.of(play.site)).toEqual([]);
    expect(play.stage.world.strangers()).toEqual([]);
  });
}

/** Runs in the page: why it did not come back whole, where the browser tells. */
function notKept(): string {
  const [entry] = performance.getEntriesByType('navigation') as (PerformanceEntry & { notRestoredReasons?: { reasons?: { reason: string }[] } })[];
  return (entry?.notRestoredReasons?.reasons ?? []).map(({ reason }) => reason).join(', ') || 'it does not say why';
}

/** Addresses that the page loaded from elsewhere. */
async function resources({ site }: Play, tab: Tab): Promise<string[]> {
  const names = await tab.run(() => performance.getEntriesByType('resource').map(({ name }) => name));
  expect(names.length).toBeGreaterThan(3);
  return names.filter((name) => !name.startsWith(`${site.origin}/`));
}

/** The loader that a page can pin, as integrity.json tells it. */
function pinned(list: unknown): { path: string; integrity: string } {
  const text = JSON.stringify(list);
  const path = /k\.[0-9a-f]+\.js/.exec(text)?.[0];
  const integrity = path && new RegExp(`${path.replaceAll('.', '\\.')}[^{}]*?(sha(?:256|384|512)-[\\w+/=]+)`).exec(text)?.[1];
  if (!path || !integrity) throw new Error(`no loader in ${text}`);
  return { path, integrity };
}

/** Runs in the page: what is too small, or does not fit, with some styles added. */
function misfits(extra: string): string[] {
  const style = document.createElement('style');
  style.textContent = extra;
  document.head.append(style);
  const bad: string[] = [];
  if (document.documentElement.scrollWidth > innerWidth) bad.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${innerWidth}`);
  const layer = document.querySelector('dialog[open]') ?? document.getElementById('kelisim')!;
  for (const one of layer.querySelectorAll<HTMLElement>('button, input, a')) {
    if (one.getClientRects().length === 0) continue;
    const { width, height, left, right } = one.getBoundingClientRect();
    const said = one.textContent || one.id || one.className;
    const inText = one.tagName === 'A' && getComputedStyle(one).display.startsWith('inline');
    if (!inText && (width < 24 || height < 24)) bad.push(`${said} is ${width} x ${height}`);
    if (left < -1 || right > innerWidth + 1) bad.push(`${said} stands outside`);
    if (one.tagName === 'BUTTON' && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)) bad.push(`${said} is cut`);
  }
  style.remove();
  return bad;
}
