import { describe, expect, test } from 'vitest';
import { readKept, type Kept } from '../contract/services.ts';
import { condemned, cookieNames, domainsOf, pathsOf } from './names.ts';

const kept: Kept = {
  v: 1,
  reload: false,
  gpc: ['marketing'],
  services: [
    { purpose: 'analytics', cookies: ['_ga', 'seen'] },
    { purpose: 'marketing', cookies: ['_ga', '_g*', 'k*', '__Host-*'], local_storage: ['ads'] },
  ],
};

describe('condemned', () => {
  test.each([
    ['_gads', [], true],
    ['_ga', [], true],
    ['_ga', ['analytics'], false], // what is still granted declares it as well
    ['_ga', ['marketing'], false],
    ['_gads', ['analytics'], true],
    ['_gads', ['marketing'], false],
    ['seen', ['marketing'], true],
    ['seen2', [], false],
    ['login', [], false],
    ['kept', [], true],
    ['kelisim-state', [], false],
    ['__Host-kelisim', [], false],
    ['__Secure-kelisim-state', [], false],
    ['ads', [], false], // of another place
  ])('the cookie %s under %j: %s', (name, granted, want) => {
    expect(condemned(kept, granted, 'cookies')(name)).toBe(want);
  });

  test('a place that nobody declares holds nothing to clear', () => {
    expect(condemned(kept, [], 'caches')('_ga')).toBe(false);
    expect(condemned(kept, [], 'local_storage')('ads')).toBe(true);
  });
});

test('names of cookies are read as they stand', () => {
  expect(cookieNames('a=1; b=2=3; a=4; =nameless; flag; c=\n')).toEqual(['a', 'b', 'flag', 'c']);
  expect(cookieNames('')).toEqual([]);
});

test('domains and paths are all that a cookie can have', () => {
  expect(domainsOf('a.shop.example')).toEqual(['', 'a.shop.example', 'shop.example', 'example']);
  expect(pathsOf('/a//b.html')).toEqual(['/', '/a', '/a/', '/a/b.html', '/a/b.html/']);
  expect(pathsOf('/')).toEqual(['/']);
});

test.each([null, [], {}, { v: 2, gpc: [], services: [] }, { v: 1, gpc: 'x', services: [] }, { v: 1, gpc: [] }])('%j is no answer', (value) => {
  expect(readKept(value)).toBeUndefined();
});
