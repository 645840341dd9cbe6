/** The rules of what follows from a choice: taking it back, proof, signals, delivery. */

import { expect } from 'vitest';
import type { Play } from './stage.ts';
import { act, asked, dialogOpen, expectOnlyMark, seesBanner, seesNoBanner, settle, status, type Rule } from './stage.ts';
import type { Tab } from './engine.ts';
import { pause, until } from './until.ts';

interface Answer {
  readonly id?: string;
  readonly state: string;
  readonly purposes: readonly string[];
}

const answers = (play: Play): Answer[] => play.site.calls('consent').map(({ answer }) => JSON.parse(answer) as Answer);

/** Accepts all, and waits until the page view has arrived. */
export async function accept(play: Play, tab: Tab): Promise<void> {
  await tab.click(act('accept-all'));
  await until('the page view is sent', () => play.site.calls('events').some(({ status }) => status === 202));
}

/** What a busy visitor does. */
async function roam(tab: Tab): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await tab.run((n) => {
      history.pushState({}, '', `/inside-${n}`);
      (window as never as { kelisim: { event(name: string): void } }).kelisim.event('signup');
      scrollTo(0, n * 100);
    }, i);
    await pause(200);
  }
}

export function after(rule: Rule): void {
  rule('R11 every page has a way back, and taking back needs no more activations than giving', async (play) => {
    const { tab } = await play.visit();
    await tab.click(act('refuse-all'));
    await play.decided();
    for (const path of ['/second', '/third']) {
      await tab.go(play.site.origin + path);
      await until('the way back is there', () => tab.run(() => (document.getElementById('kelisim-open')?.getClientRects().length ?? 0) > 0));
    }
    // Both from where a visitor who has decided stands.
    const giving = ['#kelisim-open', '[data-kelisim-item="analytics"]', act('save')];
    for (const control of giving) await tab.click(control);
    await play.decided(2);
    const takingBack = ['#kelisim-open', act('withdraw')];
    for (const control of takingBack) await tab.click(control);
    await play.decided(3);
    expect(answers(play).map(({ state }) => state)).toEqual(['ConsentRefused', 'ConsentGiven', 'ConsentWithdrawn']);
    expect(takingBack.length).toBeLessThanOrEqual(giving.length);
  });

  rule('R12 taking back is sent at once, stops everything, and leaves only the mark', async (play) => {
    const at = await play.visit('/?utm_source=letter');
    await accept(play, at.tab);
    expect(await at.tab.run(() => localStorage.length)).toBeGreaterThan(0);
    await at.tab.click('#kelisim-open');
    const pressed = Date.now();
    await at.tab.click(act('withdraw'));
    await until('the withdrawal is acknowledged', () => answers(play).some(({ state }) => state === 'ConsentWithdrawn'));
    expect(Date.now() - pressed).toBeLessThan(3000);
    await settle();
    const sent = play.site.calls('events').length;
    await roam(at.tab);
    await at.tab.go(`${play.site.origin}/second`);
    await settle();
    await at.tab.go(`${play.site.origin}/third`);
    await settle();
    expect(play.site.calls('events').length).toBe(sent);
    await expectOnlyMark(at);
    expect(await asked(at.tab)).toBe(false);
    const { id } = answers(play).find((one) => one.id)!;
    await until('the rows are erased', async () => (await play.node.count(`SELECT count() FROM events WHERE consent_id = '${id}'`)) === 0, 20_000);
  });

  rule('R15 the record holds the hash of the very text, its language, edition and variant', async (play) => {
    const { tab } = await play.visit('/?lang=ru');
    await seesBanner(tab);
    const shown = JSON.parse(play.site.calls('banner', 'GET')[0]!.answer || (await (await fetch(`${play.site.origin}/kelisim/v1/banner?site=demo&lang=ru`)).text())) as Record<string, string>;
    await tab.click(act('accept-all'));
    await play.decided();
    const { id } = answers(play)[0]!;
    const row = `SELECT payload FROM consent_payloads WHERE consent_id = '${id}'`;
    await until('the proof is a row', async () => (await play.node.sql(row)).length === 1);
    const proof = JSON.parse((await play.node.sql(row))[0]![0]!) as { language: string; edition: string; shown: { variant: string; text_sha256: string } };
    expect(proof.language).toBe('ru');
    expect(proof.edition.slice(0, 16)).toBe(shown['edition']);
    expect(proof.shown).toEqual({ variant: shown['variant'], text_sha256: shown['text_sha256'] });
    expect(proof.shown.text_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  rule('R19 a privacy signal is said on both layers and lowers what the policy marks; only the value 1 counts', async (play) => {
    for (const [values, on] of [
      [['1'], true],
      [['0'], false],
      [['true'], false],
      [['1, 1'], false],
      [['1', '1'], true], // lines that say the same are one
    ] as const) {
      play.site.gpc = [...values];
      const before = play.site.calls('consent').length;
      const { visitor, tab } = await play.visit();
      await seesBanner(tab);
      const says = (): Promise<boolean> => tab.run(() => document.getElementById('kelisim')!.textContent!.includes('Global Privacy Control'));
      expect(await says(), values.join()).toBe(on);
      await tab.click(act('customise'));
      await until('the settings are open', () => dialogOpen(tab));
      expect(await tab.run(() => document.querySelector('dialog')!.textContent!.includes('Global Privacy Control'))).toBe(on);
      await tab.press('Escape');
      await tab.click(act('accept-all'));
      await play.decided(before + 1);
      const { purposes } = answers(play)[before]!;
      expect(purposes.includes('marketing'), values.join()).toBe(!on);
      expect(purposes).toContain('analytics');
      await visitor.close();
    }
  });

  rule('R19 a signal that comes after a consent lowers what is kept under it', async (play) => {
    const { tab } = await play.visit('/?utm_source=before');
    await accept(play, tab);
    play.site.gpc = ['1'];
    await tab.go(`${play.site.origin}/second?utm_source=after`);
    await until('the second page view is sent', () => play.events().filter((name) => name === 'pageview').length === 2);
    const rows = `SELECT path, utm_source FROM events WHERE name = 'pageview' AND consent_id = '${answers(play)[0]!.id}' ORDER BY path`;
    await until('both are rows', async () => (await play.node.sql(rows)).length === 2);
    expect(await play.node.sql(rows)).toEqual([['/', 'before'], ['/second', '']]);
  });

  rule('R20 the site says that it abides by the signal', async (play) => {
    const { tab } = await play.visit();
    const [type, said] = await tab.run(async () => {
      const answer = await fetch('/.well-known/gpc.json');
      return [answer.headers.get('content-type'), (await answer.json()) as { gpc: boolean; lastUpdate: string }] as const;
    });
    expect(type).toMatch(/^application\/json/);
    expect(said.gpc).toBe(true);
    expect(Number.isNaN(Date.parse(said.lastUpdate))).toBe(false);
  });

  rule('R41 a decision arrives although the tab is closed at once', async (play) => {
    const visitor = await play.visitor();
    const keeper = await visitor.tab();
    await keeper.go('about:blank');
    const tab = await visitor.tab();
    await tab.go(play.site.origin);
    await seesBanner(tab);
    await tab.click(act('accept-all'));
    await tab.close();
    await play.decided();
    const { id } = answers(play)[0]!;
    await until('the decision is a row', async () => (await play.node.count(`SELECT count() FROM consents WHERE consent_id = '${id}'`)) === 1);
  });

  rule('R41 what waits for company is sent when the page is left', async (play) => {
    const { tab } = await play.visit();
    await accept(play, tab);
    await settle();
    // Numbered at once, as nobody else is at it, and to be sent 300 ms later.
    await tab.run(() => {
      (window as never as { kelisim: { event(name: string): void } }).kelisim.event('signup');
      setTimeout(() => location.assign('/second'), 100);
    });
    await until('the event is sent', () => play.events().includes('signup'));
  });

  rule('R45 the marks are set by the answer of the site’s own host, and are not renewed silently', async (play) => {
    const { tab } = await play.visit();
    await accept(play, tab);
    const [mark, token] = [...play.site.calls('consent')[0]!.cookies].sort((a, b) => (a.startsWith('kelisim-state') ? -1 : 1) - (b.startsWith('kelisim-state') ? -1 : 1));
    for (const cookie of [mark!, token!]) {
      expect(cookie).toMatch(/path=\//i);
      expect(cookie).toMatch(/samesite=lax/i);
      expect(cookie).not.toMatch(/domain=/i);
      const life = Number(/max-age=(\d+)/i.exec(cookie)![1]);
      expect(life).toBeGreaterThan(0);
      expect(life).toBeLessThanOrEqual(6 * 31 * 86400);
    }
    expect(token).toMatch(/httponly/i);
    await tab.go(`${play.site.origin}/second`);
    await seesNoBanner(tab);
    await settle();
    const later = play.site.asked.slice(play.site.asked.findIndex(({ path }) => path === '/second'));
    expect(later.flatMap(({ cookies }) => cookies)).toEqual([]);
    expect(await tab.run(() => window.probe.writes.filter((write) => write.startsWith('cookie')))).toEqual([]);
    expect(await status(tab)).toBe('granted');
  });
}
