/** The rules of the time before a choice, and of how the choice is put. */

import { expect } from 'vitest';
import { act, asked, dialogOpen, expectNothingKept, expectOnlyMark, kept, seesBanner, seesNoBanner, settle, status, type Rule } from './stage.ts';
import { pause, until } from './until.ts';

/** What a page of an undecided visitor may ask of the collector. */
const allowed = /^\/kelisim\/(k\.js|v1\/banner|a\/(banner|settings)\.(js|css))$/;

export function before(rule: Rule): void {
  rule('R01 nothing is stored before a choice', async (play) => {
    const at = await play.visit();
    await seesBanner(at.tab);
    await at.tab.run(() => scrollTo(0, document.body.scrollHeight));
    await pause(2000);
    await expectNothingKept(at);
    await at.tab.go(`${play.site.origin}/second`);
    await seesBanner(at.tab);
    await settle();
    await expectNothingKept(at);
  });

  rule('R02 nothing but loader, banner and question is asked for before a choice, on leaving too', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    await tab.run(() => (window as never as { kelisim: { event(name: string): void } }).kelisim.event('signup'));
    await settle();
    await tab.go(`${play.site.origin}/second`);
    await seesBanner(tab);
    await tab.go('about:blank');
    await settle();
    expect(play.site.paths().filter((path) => !allowed.test(path))).toEqual([]);
    expect(play.site.paths()).toContain('/kelisim/v1/banner');
    expect(play.stage.world.of(play.site)).toEqual([]);
  });

  rule('R03 nothing that identifies a device is read before a choice', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    await tab.click(act('customise'));
    await until('the settings are open', () => dialogOpen(tab));
    await settle();
    expect(await tab.run(() => window.probe.reads)).toEqual([]);
    // The probe does see such reads.
    await tab.run(() => [screen.width, navigator.hardwareConcurrency, document.createElement('canvas').getContext('2d') === null]);
    expect(await tab.run(() => window.probe.reads)).toEqual(['width', 'hardwareConcurrency', 'getContext 2d']);
  });

  rule('R04 tags wait for their purpose, and only those of a purpose granted are loaded', async (play) => {
    const { tab } = await play.visit('/tags');
    const { site, stage: { world } } = play;
    await seesBanner(tab);
    await settle();
    expect(world.of(site)).toEqual([]);
    await tab.click(act('customise'));
    await tab.click('[data-kelisim-item="marketing"]');
    await tab.click(act('save'));
    await play.decided();
    const kinds = ['.css', '.html', '.js', '.svg'];
    await until('the tags of marketing are loaded', () => world.of(site).length >= kinds.length);
    await settle();
    expect(world.of(site)).toEqual(kinds.map((kind) => `marketing${kind}`));
    // A tag that the page adds later is treated the same way.
    await tab.run((parties) => {
      for (const purpose of ['analytics', 'marketing']) {
        const late = document.createElement('script');
        late.type = 'text/plain';
        late.dataset['kelisim'] = purpose;
        late.setAttribute('src', `http://late.${parties}/late-${purpose}.js`);
        document.body.append(late);
      }
    }, site.parties);
    await until('the late tag is loaded', () => world.of(site).includes('late-marketing.js'));
    await settle();
    expect(world.of(site).filter((name) => name.includes('analytics'))).toEqual([]);
  });

  rule('R05 one activation each accepts or refuses all, both visible at once on a small screen', async (play) => {
    for (const [action, state] of [
      ['accept-all', 'granted'],
      ['refuse-all', 'refused'],
    ] as const) {
      const visitor = await play.visitor();
      const tab = await visitor.tab();
      await tab.size(320, 640);
      await tab.go(play.site.origin);
      await seesBanner(tab);
      for (const name of ['accept-all', 'refuse-all']) {
        const inside = await tab.run((selector) => {
          const { top, left, bottom, right } = document.querySelector(selector)!.getBoundingClientRect();
          return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
        }, act(name));
        expect(inside, name).toBe(true);
      }
      await tab.click(act(action));
      await until(`the state is ${state}`, async () => (await status(tab)) === state);
      await seesNoBanner(tab);
      await visitor.close();
    }
  });

  rule('R06 accept and refuse are equally prominent', async (play) => {
    const media = play.stage.engine.abilities.has('media') ? (['light', 'dark'] as const) : [undefined];
    for (const colorScheme of media) {
      const { tab } = await play.visit('/', colorScheme ? { media: { colorScheme } } : {});
      await seesBanner(tab);
      const [accept, refuse] = await tab.run(lookAt, [act('accept-all'), act('refuse-all')]);
      expect({ ...accept!, width: 0 }).toEqual({ ...refuse!, width: 0 });
      expect(Math.abs(accept!.width - refuse!.width)).toBeLessThanOrEqual(accept!.width / 10);
      expect(accept!.contrast).toBeGreaterThanOrEqual(4.5);
    }
  });

  rule('R07 nothing is ticked beforehand, and no legitimate interest is claimed', async (play) => {
    const { tab } = await play.visit();
    await tab.click(act('customise'));
    await until('the items are there', () => tab.run(() => document.querySelectorAll('[data-kelisim-item]').length > 0));
    const found = await tab.run(() => ({
      ticked: document.querySelectorAll('#kelisim input:checked').length,
      said: document.querySelector('dialog')!.textContent!,
      items: document.querySelectorAll('[data-kelisim-item]').length,
    }));
    expect(found.ticked).toBe(0);
    expect(found.items).toBe(3);
    expect(found.said).not.toMatch(/legitimate interest/i);
  });

  rule('R08 scrolling, Esc, closing, waiting and browsing on are no consent', async (play) => {
    const at = await play.visit();
    const { tab } = at;
    await seesBanner(tab);
    await tab.run(() => scrollTo(0, 2000));
    await tab.press('Escape');
    expect(await asked(tab)).toBe(true);
    await tab.click(act('customise'));
    await tab.click('[data-kelisim-item="analytics"]');
    await tab.press('Escape');
    await until('the settings are closed', () => tab.run(() => document.querySelector('dialog[open]') === null));
    await tab.click(act('customise'));
    await tab.click('[data-kelisim-item="analytics"]');
    await tab.click('#kelisim dialog .k-close, #kelisim dialog [data-kelisim-action="close"]');
    await pause(1500);
    await tab.click('#first');
    await until('the next page', () => tab.run(() => location.pathname === '/second'));
    await seesBanner(tab);
    expect(await status(tab)).toBe('undecided');
    expect(play.site.calls('consent')).toEqual([]);
    expect(play.site.calls('events')).toEqual([]);
    await expectNothingKept(at);
  });

  rule('R09 each purpose is chosen apart, is named before Accept all, and is stored as chosen', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    const first = await tab.run(() => document.getElementById('kelisim')!.textContent!);
    for (const purpose of ['Improving the service (site statistics)', 'Advertising and marketing']) expect(first).toContain(purpose);
    await tab.click(act('customise'));
    await tab.click('[data-kelisim-item="analytics"]');
    await tab.click(act('save'));
    await play.decided();
    const { id, purposes } = JSON.parse(play.site.calls('consent')[0]!.answer) as { id: string; purposes: string[] };
    expect(purposes).toEqual(['analytics']);
    const row = `SELECT items, action FROM consents WHERE consent_id = '${id}'`;
    await until('the decision is a row', async () => (await play.node.sql(row)).length === 1);
    expect(await play.node.sql(row)).toEqual([[['analytics'], 'custom']]);
  });

  rule('R10 the page stays usable while undecided and after a refusal', async (play) => {
    const { tab } = await play.visit();
    await seesBanner(tab);
    for (const refused of [false, true]) {
      if (refused) {
        await tab.click(act('refuse-all'));
        await play.decided();
      }
      await tab.run(() => scrollTo(0, 300));
      expect(await tab.run(() => scrollY)).toBeGreaterThan(200);
      expect(await tab.run(() => [document.querySelectorAll('[inert]').length, document.querySelector('dialog[open]')])).toEqual([0, null]);
      await tab.run(() => document.getElementById('first')!.focus());
      await tab.press('Enter');
      await until('the link was followed', () => tab.run(() => location.pathname === '/second'));
      if (!refused) await seesBanner(tab);
    }
  });

  rule('R13 who asks, what for, which data, to whom, where, how long and how to take it back are said', async (play) => {
    const { tab } = await play.visit();
    await tab.click(act('customise'));
    await until('the settings are open', () => dialogOpen(tab));
    const said = await tab.run(() => document.querySelector('dialog')!.textContent!);
    const wanted = [
      'Example LLP', '000000000000', 'Example street 1, Astana', 'privacy@example.com',
      'I consent to the collection and processing of my personal data to improve the service',
      'I consent to the transfer of my personal data to the third parties named',
      'IP address, shortened', 'page address without parameters', 'Example Ads LLP', 'Kazakhstan',
      '90 days', 'You can withdraw your consent at any time',
    ];
    for (const words of wanted) expect(said).toContain(words);
    for (const words of [/cross-border|abroad/i, /publi(c|sh)/i, /edition|policy/i, /right/i]) expect(said).toMatch(words);
    const link = await tab.run(() => [...document.querySelectorAll<HTMLAnchorElement>('dialog a')].map(({ href }) => href).find((href) => href.includes('/privacy/')));
    expect((await fetch(link!)).status).toBe(200);
  });

  rule('R14 Kazakh, Russian and English are whole, marked as such, and can be switched without losing the choice', async (play) => {
    const documents = await Promise.all(
      ['kk', 'ru', 'en'].map(async (lang) => (await fetch(`${play.site.origin}/kelisim/v1/banner?site=demo&lang=${lang}`)).json() as Promise<{ texts: object; lang: string }>),
    );
    expect(documents.map(({ lang }) => lang)).toEqual(['kk', 'ru', 'en']);
    const keys = documents.map(({ texts }) => Object.keys(texts).sort());
    expect(keys[1]).toEqual(keys[0]);
    expect(keys[2]).toEqual(keys[0]);
    const { tab } = await play.visit('/?lang=kk');
    await seesBanner(tab);
    const root = (): Promise<[string, string]> => tab.run(() => [document.getElementById('kelisim')!.lang, document.getElementById('kelisim')!.textContent!] as const as [string, string]);
    const [lang, said] = await root();
    expect(lang).toBe('kk');
    expect(said).toContain('Барлығын қабылдау');
    for (const letter of 'әғқңөұүі') expect(said.toLowerCase(), letter).toContain(letter);
    await tab.click(act('customise'));
    await tab.click('[data-kelisim-item="marketing"]');
    await tab.click('dialog [data-kelisim-lang="ru"]');
    await until('the settings are Russian', async () => (await root())[0] === 'ru');
    expect(await tab.run(() => document.querySelector<HTMLInputElement>('[data-kelisim-item="marketing"]')!.checked)).toBe(true);
    await tab.click(act('save'));
    await play.decided();
    expect(JSON.parse(play.site.calls('consent')[0]!.body)).toMatchObject({ lang: 'ru', choices: { marketing: true, analytics: false } });
  });

  rule('R17 two who refuse keep the same mark, and no row names them', async (play) => {
    const marks: string[] = [];
    for (let i = 0; i < 2; i++) {
      const at = await play.visit();
      await at.tab.click(act('refuse-all'));
      await play.decided(i + 1);
      await settle();
      await expectOnlyMark(at);
      marks.push(JSON.stringify((await at.visitor.cookies(at.tab)).map(({ name, value }) => [name, value])));
      expect((await kept(at)).writes).toEqual([]);
      await at.visitor.close();
    }
    expect(marks[1]).toBe(marks[0]);
    for (const { answer } of play.site.calls('consent')) expect(JSON.parse(answer)).not.toHaveProperty('id');
    expect(await play.node.count("SELECT count() FROM consents WHERE state = 'ConsentRefused' OR action = 'refuse_all'")).toBe(0);
  });
}

interface Look {
  readonly width: number;
  readonly contrast: number;
}

/** Runs in the page: how buttons look. */
function lookAt(selectors: readonly string[]): Look[] {
  const light = (colour: string): number => {
    const parts = colour.match(/[\d.]+/g)!.slice(0, 3).map((part) => +part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return selectors.map((selector) => {
    const button = document.querySelector<HTMLElement>(selector)!;
    const { width, height } = button.getBoundingClientRect();
    const { font, color, backgroundColor, border, textDecoration, opacity } = getComputedStyle(button);
    const [a, b] = [light(color), light(backgroundColor)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return { width, height, font, color, backgroundColor, border, textDecoration, opacity, contrast, tag: button.tagName };
  });
}
