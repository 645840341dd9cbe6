/**
 * Tools that answer banners for people: the rule files of the folder rules, and
 * what such a tool does that has never heard of us.
 */

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { expectOnlyMark, seesBanner, seesNoBanner, settle, status, type Play, type Rule } from './stage.ts';
import type { Tab, Visitor } from './engine.ts';
import { until } from './until.ts';

const ruleFile = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../rules/${name}`, import.meta.url), 'utf8'));
const engineFile = new URL('../../node_modules/@duckduckgo/autoconsent/dist/autoconsent.playwright.js', import.meta.url);

interface Message {
  readonly type: string;
  readonly cmp?: string;
  readonly result?: boolean;
  readonly id?: string;
}

declare global {
  interface Window {
    told: Message[];
    autoconsentSendMessage: (message: Message) => Promise<void>;
    autoconsentReceiveMessage: (message: unknown) => Promise<void>;
  }
}

/** Starts the engine in the page, with rules and a way to answer; what it tells collects in window.told. */
async function startEngine(tab: Tab, rules: readonly unknown[], config: object): Promise<void> {
  await tab.run(
    (found, more) => {
      window.told = [];
      window.autoconsentSendMessage = async (message) => {
        window.told.push(message);
        if (message.type === 'init') {
          const plain = { enabled: true, disabledCmps: [], enablePrehide: false, detectRetries: 20, enableCosmeticRules: true };
          setTimeout(() => void window.autoconsentReceiveMessage({ type: 'initResp', rules: { autoconsent: found }, config: { ...plain, ...more } }));
        }
        if (message.type === 'autoconsentDone') setTimeout(() => void window.autoconsentReceiveMessage({ type: 'selfTest' }));
        if (message.type === 'eval') setTimeout(() => void window.autoconsentReceiveMessage({ type: 'evalResp', id: message.id, result: false }));
      };
    },
    rules,
    config,
  );
  await tab.run(new Function(readFileSync(engineFile, 'utf8')) as () => void);
}

const told = (tab: Tab, type: string): Promise<Message | null> => tab.run((name) => window.told.find((message) => message.type === name) ?? null, type);

/** Browser and server agree that it was refused: cookies, storage, no row, one count, no event. */
async function expectRefused(play: Play, at: { visitor: Visitor; tab: Tab }, refusedBefore: number): Promise<void> {
  await play.decided();
  await seesNoBanner(at.tab);
  await until('the page knows', async () => (await status(at.tab)) === 'refused');
  await settle();
  await expectOnlyMark(at);
  expect(play.site.calls('consent').length).toBe(1);
  const answer = JSON.parse(play.site.calls('consent')[0]!.answer) as { state: string; purposes: string[]; id?: string };
  expect([answer.state, answer.purposes, answer.id]).toEqual(['ConsentRefused', [], undefined]);
  expect(play.site.calls('events')).toEqual([]);
  await until('the refusal is counted', async () => (await refusals(play)) > refusedBefore);
  expect(await play.node.count("SELECT count() FROM consents WHERE state = 'ConsentRefused'")).toBe(0);
}

const refusals = (play: Play): Promise<number> => play.node.count("SELECT sum(n) FROM banner_counts WHERE kind = 'refused'");

/** A visitor on the demo's own English page, behind the site that writes down what is asked. */
async function onDemo(play: Play): Promise<{ visitor: Visitor; tab: Tab }> {
  const at = await play.visit('/demo/');
  await seesBanner(at.tab);
  return at;
}

export function answering(rule: Rule): void {
  rule('autoconsent refuses with our rule, and its own test of that passes', async (play) => {
    const before = await refusals(play);
    const at = await onDemo(play);
    await startEngine(at.tab, [ruleFile('autoconsent.json')], { autoAction: 'optOut', heuristicMode: 'off' });
    await until('it has refused', async () => (await told(at.tab, 'optOutResult')) !== null, 20_000);
    expect(await told(at.tab, 'optOutResult')).toMatchObject({ cmp: 'kelisim', result: true });
    await until('it has tested itself', async () => (await told(at.tab, 'selfTestResult')) !== null, 20_000);
    expect(await told(at.tab, 'selfTestResult')).toMatchObject({ cmp: 'kelisim', result: true });
    await expectRefused(play, at, before);
  });

  rule('autoconsent refuses by its heuristics alone on an English page', async (play) => {
    const before = await refusals(play);
    const at = await onDemo(play);
    await startEngine(at.tab, [], { autoAction: 'optOut', heuristicMode: 'reject', enableHeuristicDetection: true });
    await until('it has refused', async () => (await told(at.tab, 'optOutResult')) !== null, 30_000);
    expect(await told(at.tab, 'optOutResult')).toMatchObject({ cmp: 'HEURISTIC-REJECT', result: true });
    await expectRefused(play, at, before);
  });

  rule('autoconsent accepts with our rule where a person told it to', async (play) => {
    const { tab } = await onDemo(play);
    await startEngine(tab, [ruleFile('autoconsent.json')], { autoAction: 'optIn', heuristicMode: 'off' });
    await play.decided();
    await until('the page knows', async () => (await status(tab)) === 'granted');
    expect((await told(tab, 'optInResult'))?.result ?? true).toBe(true);
  });

  rule('Consent-O-Matic’s steps refuse, and give only the kind of purpose that a person allowed', async (play) => {
    for (const [allowed, granted] of [
      [{}, []],
      [{ B: true }, ['analytics']],
    ] as const) {
      const n = play.site.calls('consent').length;
      const { visitor, tab } = await onDemo(play);
      expect(await tab.run(playSteps, ruleFile('consent-o-matic.json') as Rules, allowed)).toBe(true);
      await play.decided(n + 1);
      expect(JSON.parse(play.site.calls('consent')[n]!.answer)).toMatchObject({ purposes: granted });
      await visitor.close();
    }
  });
}

interface Step {
  readonly type: string;
  readonly target?: { readonly selector: string };
  readonly actions?: readonly Step[];
  readonly action?: Step;
  readonly retries?: number;
  readonly waitTime?: number;
  readonly consents?: readonly { readonly type: string; readonly matcher: Step; readonly toggleAction: Step }[];
}

type Rules = Readonly<Record<string, { detectors: { presentMatcher: Step[]; showingMatcher: Step[] }[]; methods: { name: string; action: Step }[] }>>;

/** Runs in the page: plays a rule file as the tool does, of the kinds of step that ours has. */
async function playSteps(rules: Rules, allowed: Readonly<Record<string, boolean>>): Promise<boolean> {
  const { detectors, methods } = rules['kelisim']!;
  let base: ParentNode = document;
  const all = ({ target }: Step): HTMLElement[] => (target!.selector === ':scope' ? [base as HTMLElement] : [...base.querySelectorAll<HTMLElement>(target!.selector)]);
  const play = async (step: Step): Promise<void> => {
    switch (step.type) {
      case 'list':
        for (const one of step.actions!) await play(one);
        return;
      case 'click':
        return all(step)[0]?.click();
      case 'waitcss':
        for (let i = 0; i < step.retries! && !all(step)[0]; i++) await new Promise((next) => setTimeout(next, step.waitTime!));
        return;
      case 'foreach':
        for (const one of all(step)) {
          base = one;
          await play(step.action!);
          base = document;
        }
        return;
      case 'consent':
        for (const { type, matcher, toggleAction } of step.consents!) {
          const box = all(matcher)[0] as HTMLInputElement | undefined;
          if (box && box.checked !== (allowed[type] ?? false)) await play(toggleAction);
        }
        return;
      default:
        throw new Error(`no step ${step.type}`);
    }
  };
  const shown = detectors.every(({ presentMatcher, showingMatcher }) => [...presentMatcher, ...showingMatcher].every((matcher) => all(matcher)[0]?.offsetHeight));
  if (!shown) return false;
  for (const name of ['OPEN_OPTIONS', 'DO_CONSENT', 'SAVE_CONSENT']) await play(methods.find((method) => method.name === name)!.action);
  return true;
}
