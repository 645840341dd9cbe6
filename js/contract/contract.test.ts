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
    ['another version', { ...good, v: 2 }],
    ['no edition', { ...good, edition: undefined }],
    ['a text that is no text', { ...good, texts: { title: 1 } }],
    ['an item without a statement', { ...good, purposes: [{ ...good.purposes[0], statement: undefined }] }],
    ['choices that are no choices', { ...good, choices: { analytics: 'yes' } }],
    ['terms that are no list', { ...good, terms: {} }],
  ])('refuses %s', (_, value) => {
    expect(readBanner(value)).toBeUndefined();
  });
});

describe('isOver', () => {
  test.each(['withdrawn', 'expired', 'edition', 'bad_token', 'no_consent'])('%s ends telemetry', (reason) => {
    expect(isOver({ accepted: 0, dropped: { [reason]: 1 } })).toBe(true);
  });

  test.each([[{ accepted: 1, dropped: {} }], [{ dropped: { bot: 1, duplicate: 2 } }], [400], [null], [{}]])('%j does not', (answer) => {
    expect(isOver(answer)).toBe(false);
  });
});
