import { expect, test } from 'vitest';
import { frameTexts } from './texts.ts';

test.each(Object.entries(frameTexts))('the words in %s are whole, and in one alphabet', (lang, texts) => {
  expect(Object.keys(texts)).toEqual(['from', 'once', 'always']);
  expect(texts.from.split('{host}')).toHaveLength(2);
  for (const text of Object.values(texts) as string[]) {
    expect(text.replace('{host}', '')).toMatch(lang === 'en' ? /^[ -~]+$/ : /^[Ѐ-ӿ ,.]+$/);
    expect(text.trim()).toBe(text);
  }
  expect(/[әғқңөұүһі]/i.test(texts.from)).toBe(lang === 'kk');
});
