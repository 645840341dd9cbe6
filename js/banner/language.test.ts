import { expect, test } from 'vitest';
import { chooseLanguage, primary } from './language.ts';

test.each([
  ['kk-KZ', 'kk'],
  ['ru_KZ', 'ru'],
  ['EN', 'en'],
  ['kz', 'kk'],
  ['', ''],
])('primary(%j) is %j', (tag, want) => {
  expect(primary(tag)).toBe(want);
});

test.each([
  [['', '', 'de-DE', 'ru-RU', 'kk'], ['kk', 'ru', 'en'], 'ru'],
  [['en', 'kk'], ['kk', 'ru'], 'kk'],
  [['', '', 'de-DE', 'fr', 'en-GB', 'kk-Cyrl-KZ', 'ru-KZ'], ['kk', 'ru'], 'kk'],
  [['', 'kz', 'ru'], ['kk', 'ru'], 'kk'],
  [['de'], ['ru', 'kk'], 'ru'],
  [[], ['kk', 'ru'], 'kk'],
])('of %j wanted and %j offered, %j', (wanted, offered, want) => {
  expect(chooseLanguage(wanted, offered)).toBe(want);
});
