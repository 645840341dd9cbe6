import { describe, expect, test } from 'vitest';
import { documentIn } from '../e2e/texts.ts';
import { readBanner } from './banner.ts';
import { isOver } from './events.ts';

describe('readBanner', () => {
  const good = documentIn('kk', 'a1b2c3d4e5f60718', null);

  test('takes what the collector answers, and keys it does not know', () => {
    expect(readBanner(good)).toBe(good);
    expect(readBanner({ ...good, newer: 1 })).toBeDefined();
    expect(readBanner(documentIn('ru', 'a1b2c3d4e5f60718', { analytics: true }))).toBeDefined();
  });

  test.each([
    ['null', null],
    ['a list', []],
    ['a text', 'v'],
    ['another version', { ...good, v: 2 }],
    ['no version', { ...good, v: undefined }],
  ])('refuses %s', (_, value) => {
    expect(readBanner(value)).toBeUndefined();
  });
});

describe('isOver', () => {
  test.each(['withdrawn', 'expired', 'edition', 'bad_token', 'no_consent'])('%s ends telemetry', (reason) => {
    expect(isOver(JSON.stringify({ accepted: 0, dropped: { [reason]: 1 } }))).toBe(true);
    expect(isOver(JSON.stringify({ accepted: 2, dropped: { purpose: 1, [reason]: 1 } }))).toBe(true);
  });

  test.each([[{ accepted: 1, dropped: {} }], [{ dropped: { bot: 1, duplicate: 2 } }], [{ error: { code: 'expired' } }], ['withdrawn'], [null]])('%j does not', (answer) => {
    expect(isOver(JSON.stringify(answer))).toBe(false);
  });
});
