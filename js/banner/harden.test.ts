/** No rule of a page reaches ours: every declaration that is built is important. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Harden {
  harden(css: string): string;
  soft(css: string): string[];
}
const { harden, soft } = (await import(new URL('../harden.mjs', import.meta.url).href)) as Harden;

describe('a style sheet is hardened', () => {
  test.each([
    ['several in a line', '#a{color:red;top:0}'],
    ['a comment after one', '#a {\n  color: red; /* as the page\'s */\n  top: 0;\n}'],
    ['a comment in one', '#a { color: /* ; */ red }'],
    ['the last without a semicolon', '#a {\n  top: 0\n}'],
    ['one over several lines', '#a {\n  font:\n    1em/1.5\n    serif;\n}'],
    ['a string with what ends one', '#a::before { content: "};"; top: 0 }'],
    ['an address with a colon', '#a { background: url(data:image/png;base64,AA==) }'],
    ['rules within rules', '@media print { #a { color: red; &:hover { top: 0 } } }'],
    ['a property of our own', '#a { --k: {x:1}; top: 0 }'],
    ['one that is important already', '#a { top: 0 !important; left: 0 ! important }'],
  ])('%s', (_, css) => {
    const count = (text: string): number => text.split(/!\s*important/).length - 1;
    const hard = harden(css);
    expect(soft(hard)).toEqual([]);
    expect(count(hard)).toBeGreaterThan(0);
    expect(soft(hard.replace(/!\s*important/, ''))).toHaveLength(1);
  });
});

test('what a page could reach is found', () => {
  expect(soft('@layer kelisim{#a{color:red;top:0!important}}')).toEqual(['color:red']);
  expect(soft('#a{top:0!important}')).toHaveLength(1);
  expect(soft('@layer other{#a{top:0!important}}')).toHaveLength(1);
  expect(soft('@layer kelisim{@keyframes k{to{top:0!important}}}')).toEqual(['@keyframes k']);
});

test.each(['banner.css', 'settings.css'])('nothing in %s', (name) => {
  expect(soft(readFileSync(new URL(`../../banner/assets/${name}`, import.meta.url), 'utf8'))).toEqual([]);
});
