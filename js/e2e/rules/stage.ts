/** What every rule stands on: a browser, a real node, and a site of its own for each test. */

import { expect, test, type TestContext } from 'vitest';
import { demoPolicy, type Node } from './control.ts';
import type { Ability, Cookie, Engine, Setting, Tab, Visitor } from './engine.ts';
import { Site, type World } from './site.ts';
import { pause, until } from './until.ts';

/** The browser and the node of a run, once they are there. */
export interface Stage {
  readonly engine: Engine;
  readonly world: World;
  readonly node: Node;
}

/** A test with a site, and visitors who are gone when it ends. */
export class Play {
  readonly #open: { close(): Promise<void> }[] = [];

  constructor(
    readonly stage: Stage,
    readonly site: Site,
    readonly node: Node,
    readonly context: TestContext,
  ) {}

  async visitor(setting?: Setting): Promise<Visitor> {
    const visitor = await this.stage.engine.visitor(setting);
    this.#open.push(visitor);
    return visitor;
  }

  /** A new visitor on a page. */
  async visit(path = '/', setting?: Setting): Promise<{ visitor: Visitor; tab: Tab }> {
    const visitor = await this.visitor(setting);
    const tab = await visitor.tab();
    await tab.go(this.site.origin + path);
    return { visitor, tab };
  }

  /** Another site in front of another node, as long as the test lasts. */
  async other(node: Node): Promise<Site> {
    const site = await new Site(node).open();
    this.#open.push(site);
    return site;
  }

  needs(ability: Ability, why: string): void {
    if (!this.stage.engine.abilities.has(ability)) this.context.skip(why);
  }

  /** Waits for the answers to decisions. */
  decided(n = 1, site = this.site): Promise<void> {
    return until(`${n} decisions are acknowledged`, () => site.calls('consent').filter(({ status }) => status === 201).length >= n);
  }

  /** Names of the events that the collector was sent. */
  events(site = this.site): string[] {
    return site.calls('events').flatMap(({ body }) => (JSON.parse(body) as { events: { name: string }[] }).events.map(({ name }) => name));
  }

  async end(): Promise<void> {
    for (const one of this.#open.reverse()) await one.close();
  }
}

/** Declares tests of rules for one engine. */
export type Rule = (name: string, steps: (play: Play) => Promise<void>) => void;

/** How rules are declared on a stage. @param together several at a time, where windows do not wait for each other */
export function ruleOn(stage: () => Stage, together: boolean): Rule {
  const declare = together ? test.concurrent : test;
  return (name, steps) =>
    declare(name, async (context) => {
      const on = stage();
      const site = await new Site(on.node).open();
      const play = new Play(on, site, on.node, context);
      try {
        await steps(play);
      } finally {
        await play.end();
        await site.close();
      }
    });
}

/** The demo's policy with an edition that took effect long ago, so that clocks can go back. */
export async function policyOf(change: (text: string) => string = (text) => text): Promise<string> {
  return change((await demoPolicy()).replace(/effective: .*/, 'effective: 2026-01-01'));
}

/** The next edition of a policy, with another word in its intro. @param hash of the edition before */
export function nextEdition(text: string, hash: string, material: boolean): string {
  return text
    .replace('use this site to improve', 'use this very site to improve')
    .replace(/edition:\n  number: (\d+)\n  effective: (\S+)\n(replaces: .*\n)?/, (_, number: string, effective: string) =>
      `edition:\n  number: ${+number + 1}\n  effective: ${effective}\nreplaces: {hash: "${hash}", material: ${material}, holds: ${!material}}\n`);
}

/** A control of the contract, wherever it stands. */
export const act = (action: string): string => `[data-kelisim-action="${action}"]`;

/** Time for what could still be sent or stored; events wait 300 ms for company. */
export const settle = (): Promise<void> => pause(600);

/** Whether a visitor sees the banner's first layer. */
export const asked = (tab: Tab): Promise<boolean> =>
  tab.run(() => [...document.querySelectorAll('[data-kelisim-action="accept-all"]')].some((one) => one.getClientRects().length > 0));

/** Whether the second layer is open. */
export const dialogOpen = (tab: Tab): Promise<boolean> => tab.run(() => document.querySelector('dialog[open]') !== null);

export const seesBanner = (tab: Tab): Promise<void> => until('the banner is seen', () => asked(tab));
export const seesNoBanner = (tab: Tab): Promise<void> => until('the banner is gone', async () => !(await asked(tab)));

/** When the state of a page last became something, by the machine's clock. */
export async function became(tab: Tab, state: string): Promise<number> {
  await until(`the state becomes ${state}`, async () => (await status(tab)) === state);
  const found = (await tab.run(() => window.probe.states)).filter(([status]) => status === state).at(-1);
  if (!found) throw new Error(`nobody was told that the state is ${state}`);
  return found[1];
}

/** The state that the page's interface tells. */
export const status = (tab: Tab): Promise<string> =>
  tab.run(() => (window as never as { kelisim?: { state?: () => { status: string } } }).kelisim?.state?.().status ?? 'nothing');

/** Everything that a site has stored in a browser. */
export interface Kept {
  readonly cookies: string[];
  readonly others: string[];
  readonly writes: string[];
}

export async function kept({ visitor, tab }: { visitor: Visitor; tab: Tab }): Promise<Kept> {
  const cookies = (await visitor.cookies(tab)).map(({ name }: Cookie) => name).sort();
  const rest = await tab.run(async () => ({
    others: [
      ...Object.keys(localStorage),
      ...Object.keys(sessionStorage),
      ...(await indexedDB.databases()).map(({ name }) => `database ${name ?? ''}`),
      ...(window.caches ? await caches.keys() : []),
      ...(navigator.serviceWorker ? await navigator.serviceWorker.getRegistrations() : []).map(({ scope }) => scope),
    ],
    writes: [...((window.probe as { writes: string[] } | undefined)?.writes ?? [])], // the demo has no probe
  }));
  return { cookies, ...rest };
}

/** Nothing at all is stored, and nothing tried. */
export async function expectNothingKept(of: { visitor: Visitor; tab: Tab }): Promise<void> {
  expect(await kept(of)).toEqual({ cookies: [], others: [], writes: [] });
}

/** Nothing is stored but the mark that a choice was made. */
export async function expectOnlyMark(of: { visitor: Visitor; tab: Tab }): Promise<void> {
  expect(await kept(of)).toMatchObject({ cookies: ['kelisim-state'], others: [] });
}
