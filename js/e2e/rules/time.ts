/**
 * The rules of time: when a visitor is asked again, and when a consent ends. The
 * server's clock is moved through the node's options, the page's clock by the
 * probe; both go forward together, and the node is thrown away.
 */

import { expect } from 'vitest';
import { startNode } from './control.ts';
import { act, asked, nextEdition, policyOf, seesBanner, settle, status, type Play, type Rule } from './stage.ts';
import type { Site } from './site.ts';
import type { Tab } from './engine.ts';
import { until } from './until.ts';

const day = 864e5;

/** Goes to a page as if so many days had passed, with the loader fetched anew. */
async function later(site: Site, tab: Tab, days: number): Promise<void> {
  await tab.go(`${site.origin}/second?shift=${days * day}&src=/kelisim/k.js?${days}`);
  await until('the loader has run', async () => (await status(tab)) !== 'nothing');
}

async function own(play: Play): Promise<{ site: Site; node: Awaited<ReturnType<typeof startNode>>; text: string }> {
  const text = await policyOf();
  const node = await startNode(text);
  return { site: await play.other(node), node, text };
}

export function time(rule: Rule): void {
  rule('R16 who refused is not asked again after a day or five months, but after seven', async (play) => {
    const { site, node } = await own(play);
    const tab = await (await play.visitor()).tab();
    await tab.go(site.origin);
    await until('the banner is asked for, or told to be shown', () => site.calls('banner', 'GET').length === 1);
    await tab.click(act('refuse-all'));
    await play.decided(1, site);
    for (const days of [1, 150]) {
      await node.clock(`${days * 24}h`);
      await later(site, tab, days);
      await settle();
      expect([await status(tab), await asked(tab)], `after ${days} days`).toEqual(['refused', false]);
    }
    expect(site.calls('banner', 'GET').length).toBe(1);
    await node.clock(`${215 * 24}h`);
    await later(site, tab, 215);
    await seesBanner(tab);
    expect(site.calls('events')).toEqual([]);
  });

  rule('R16 a new edition asks again only when the change is material', async (play) => {
    const { site, node, text } = await own(play);
    const tab = await (await play.visitor()).tab();
    await tab.go(site.origin);
    await tab.click(act('refuse-all'));
    await play.decided(1, site);
    const unmaterial = nextEdition(text, node.edition, false);
    const edition = await node.policy(unmaterial);
    expect(edition).not.toBe(node.edition);
    await later(site, tab, 0);
    await settle();
    expect([await status(tab), await asked(tab)]).toEqual(['refused', false]);
    const material = nextEdition(unmaterial, edition, true);
    await node.policy(material);
    await later(site, tab, 0.001);
    await seesBanner(tab);
    expect(await status(tab)).toBe('undecided');
  });

  rule('R15 one letter changes the hash of the text', async (play) => {
    const { site, node, text } = await own(play);
    const hash = async (): Promise<string> =>
      ((await (await fetch(`${site.origin}/kelisim/v1/banner?site=demo&lang=en`)).json()) as { text_sha256: string }).text_sha256;
    const before = await hash();
    expect(await hash()).toBe(before);
    await node.policy(nextEdition(text, node.edition, false));
    expect(await hash()).not.toBe(before);
  });

  rule('R18 a consent ends with its term: telemetry stops, then the visitor is asked again', async (play) => {
    const { site, node } = await own(play);
    const tab = await (await play.visitor()).tab();
    await tab.go(site.origin);
    await tab.click(act('accept-all'));
    await until('the page view is sent', () => site.calls('events').length > 0);
    await node.clock('24h');
    await later(site, tab, 1);
    await until('a day later there is telemetry', () => site.calls('events').some(({ answer }) => answer.includes('"accepted":1')) && site.calls('events').length > 1);
    await settle();
    // The term passes while the page is open: what happens then is not sent.
    const sent = site.calls('events').length;
    await node.clock(`${215 * 24}h`);
    await tab.run((shift) => {
      window.shift = shift;
      (window as never as { kelisim: { event(name: string): void } }).kelisim.event('signup');
      history.pushState({}, '', '/inside');
    }, 215 * day);
    await settle();
    expect(site.calls('events').length).toBe(sent);
    // The server does not take it either.
    const dropped = await tab.run(async () => {
      const session = { id: '0123456789abcdef0123456789abcdef', start: Date.now() };
      const body = { v: 1, site: 'demo', now: Date.now(), session, events: [{ seq: 1, name: 'pageview', url: location.href }] };
      return (await (await fetch('/kelisim/v1/events', { method: 'POST', body: JSON.stringify(body) })).json()) as { accepted: number };
    });
    expect(dropped.accepted).toBe(0);
    const tried = site.calls('events').length;
    await later(site, tab, 215);
    await seesBanner(tab);
    await settle();
    expect(site.calls('events').length).toBe(tried);
    expect(await status(tab)).toBe('undecided');
  });
}

