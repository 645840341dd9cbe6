import { describe, expect, test } from 'vitest';
import { nextSession } from './session.ts';
import { cleanReferrer, cleanUrl } from './url.ts';

describe('cleanUrl', () => {
  test.each([
    ['https://shop.example/a/b?utm_source=letter&q=secret&utm_medium=e%20mail#part', 'https://shop.example/a/b?utm_source=letter&utm_medium=e%20mail'],
    ['https://shop.example/?gclid=secret&ysclid=s&gbraid=t&msclkid=u', 'https://shop.example/?gclid=1&ysclid=1&gbraid=1&msclkid=1'],
    ['https://shop.example/?clid=a&gclid=&longclid=b&gclids=c&wbraids=d', 'https://shop.example/'],
    ['https://shop.example/x?utm_campaign=&utm_source=%26a%3Db', 'https://shop.example/x?utm_source=%26a%3Db'],
    ['https://user:word@shop.example/x', 'https://shop.example/x'],
    ['https://shop.example/x?a=utm_source=b&gclid=x=y&q', 'https://shop.example/x?gclid=1'],
    ['https://shop.example/x?utm_source=b&utm_source=c&ScCid=d&?utm_term=e', 'https://shop.example/x?utm_source=b&utm_source=c&ScCid=1'],
    ['https://shop.example/x?UTM_SOURCE=a&utm_content=b&utm_term=c&utm_id=d', 'https://shop.example/x?utm_content=b&utm_term=c'],
  ])('%s', (from, to) => {
    expect(cleanUrl(new URL(from))).toBe(to);
  });
});

describe('cleanReferrer', () => {
  test.each([
    ['https://search.example/find?q=secret', 'https://search.example'],
    ['https://search.example', 'https://search.example'],
    ['https://shop.example/inside', 'https://shop.example'],
    ['', undefined],
    ['android-app://com.example/x', 'android-app://com.example'],
    ['ios-app://com.example/', undefined],
  ])('%j', (referrer, want) => {
    expect(cleanReferrer(referrer)).toBe(want);
  });
});

describe('nextSession', () => {
  const now = 1_800_000_000_000;
  const minute = 60_000;
  const old = { id: 'old', by: 'grant', start: now - 60 * minute, last: now - 5 * minute, seq: 7 };
  const next = (stored: Partial<typeof old> | string, by = 'grant', at = now) =>
    nextSession(typeof stored === 'string' ? stored : Object.values({ ...old, ...stored }).join(' '), by, at, () => 'new');
  const fresh = { id: 'new', start: now, seq: 1, kept: `new grant ${now} ${now} 1` };

  test('goes on with the next number', () => {
    expect(next({})).toEqual({ id: 'old', start: old.start, seq: 8, kept: `old grant ${old.start} ${now} 8` });
  });

  test('what is kept is read again', () => {
    const first = next('');
    expect(next(first.kept)).toEqual({ ...fresh, seq: 2, kept: `new grant ${now} ${now} 2` });
  });

  test('goes on just before 30 minutes without an event, and not after', () => {
    expect(next({ last: now - 30 * minute + 1 }).id).toBe('old');
    expect(next({ last: now - 30 * minute })).toEqual(fresh);
  });

  test('goes on just before 24 hours, and not after', () => {
    expect(next({ start: now - 24 * 60 * minute + 1 }).id).toBe('old');
    expect(next({ start: now - 24 * 60 * minute })).toEqual(fresh);
  });

  test('another decision begins another session', () => {
    expect(next({}, 'other')).toEqual({ ...fresh, kept: `new other ${now} ${now} 1` });
  });

  test('a clock that was turned back a day begins another session', () => {
    expect(next({ last: now + 24 * 60 * minute })).toEqual(fresh);
  });

  test.each(['', 'null', '[]', '{"by":"grant","id":"x"}', 'old grant', 'old grant x y z', `old grant ${now} ${now}`, `old grant ${now} ${now} 0`, ` grant ${now} ${now} -1`])(
    '%j stored begins a session',
    (stored) => {
      expect(next(stored)).toEqual(fresh);
    },
  );
});
