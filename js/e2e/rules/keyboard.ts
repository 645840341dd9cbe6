/** The rules of keyboard, readers, sizes and colours. */

import { expect } from 'vitest';
import { act, dialogOpen, seesBanner, type Rule } from './stage.ts';
import type { Tab } from './engine.ts';
import { until } from './until.ts';

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

export function keyboard(rule: Rule): void {
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
