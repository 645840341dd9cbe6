/** The rules of living in somebody else's page: its policy, its faults, other tabs, other hosts. */

import { expect } from 'vitest';
import { accept } from './after.ts';
import { act, asked, became, dialogOpen, expectNothingKept, seesBanner, seesNoBanner, settle, status, type Play, type Rule } from './stage.ts';
import type { Tab } from './engine.ts';
import { pause, until } from './until.ts';

export function page(rule: Rule): void {
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
      for (const referrers of [true, false]) {
        play.site.referrers = referrers;
        play.site.fault = (wanted) => (path.test(wanted) ? trouble : undefined);
        const at = await play.visit('/en/'); // the loader brings what is asked along in the language of the path
        await pause(400);
        expect(await at.tab.run(() => window.probe.errors), String(path)).toEqual([]);
        const along = referrers && path.source.includes('banner'); // what is away is not needed
        expect(await asked(at.tab), `${path} ${referrers}`).toBe(along);
        await expectNothingKept(at);
        await at.visitor.close();
      }
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
