/**
 * The banner beside vanilla-cookieconsent 3.1.0: the same page, the same run, each
 * in turn. `npm run bench` prints the table; nothing is written.
 */

import { afterAll, beforeAll, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { launch } from '../browser.ts';
import { banners, visit, type Measures } from './measure.ts';
import { open, type Place } from './site.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 9);
const names = ['kelisim', 'rival'] as const;

let browser: Browser;
let place: Place;
beforeAll(async () => {
  place = await open();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await place?.close();
});

test('the banner beside its rival', async () => {
  const found: Record<(typeof names)[number], Measures[]> = { kelisim: [], rival: [] };
  for (const name of names) await visit(browser, place.origin, banners[name]); // the first of each warms the machine
  for (let i = 0; i < rounds; i++) {
    for (const name of i % 2 ? [...names].reverse() : names) found[name].push(await visit(browser, place.origin, banners[name]));
  }
  console.log(table(found.kelisim, found.rival));
});

const rows: readonly (readonly [keyof Measures, string, number])[] = [
  ['visible', 'first layer seen, ms', 0],
  ['second', 'second layer seen after its click, ms', 0],
  ['click', 'slowest click (Event Timing), ms', 0],
  ['bytes', 'bytes on the wire before a choice', 0],
  ['cls', 'CLS, both layers', 4],
  ['shift', 'all layout shifts, also those a click leads to', 4],
];

function table(ours: readonly Measures[], theirs: readonly Measures[]): string {
  const lines = rows.map(([key, label, digits]) => {
    const [a, b] = [ours, theirs].map((all) => all.map((one) => one[key]).sort((x, y) => x - y)) as [number[], number[]];
    const apart = Math.abs(middle(a) - middle(b));
    const clear = apart > spread(a) && apart > spread(b) ? (middle(a) < middle(b) ? 'less' : 'more') : 'no difference beyond the spread';
    return `| ${label} | ${cell(a, digits)} | ${cell(b, digits)} | ${clear} |`;
  });
  const head = `| median (lowest to highest) of ${ours.length} | kelisim | vanilla-cookieconsent 3.1.0 | kelisim has |\n|---|---|---|---|`;
  return `\n${head}\n${lines.join('\n')}\n`;
}

const middle = (sorted: readonly number[]): number => sorted[sorted.length >> 1]!;
/** The range of the middle half: one run that something disturbed says nothing. */
const spread = (sorted: readonly number[]): number => sorted[Math.ceil((sorted.length * 3) / 4) - 1]! - sorted[sorted.length >> 2]!;
const cell = (sorted: readonly number[], digits: number): string =>
  `${middle(sorted).toFixed(digits)} (${sorted[0]!.toFixed(digits)} to ${sorted.at(-1)!.toFixed(digits)})`;
