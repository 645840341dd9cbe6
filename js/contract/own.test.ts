import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Host } from './boot.ts';
import { keep, own } from './own.ts';

const host = { script: { dataset: { site: 'shop' } } } as unknown as Host;
let written: string[];
let cookies: string;

function served(protocol: string): void {
  vi.stubGlobal('location', { protocol });
  vi.stubGlobal('window', { kelisimBoot: { e: { shop: Object.assign(['a1b2c3d4e5f60718'], { m: '__Host-own-' }) } } });
  vi.stubGlobal('document', {
    get cookie() {
      return cookies;
    },
    set cookie(value: string) {
      written.push(value);
    },
  });
}

beforeEach(() => {
  written = [];
  cookies = '';
  served('https:');
});
afterEach(() => vi.unstubAllGlobals());

test('what the collector answered is kept for as long as it says', async () => {
  await keep(host, Response.json({ token: 'secret', marker: '1.a.b.c.1.0.g', max_age: 77 }));
  expect(written).toEqual([
    '__Host-own-kelisim-token=secret;path=/;samesite=lax;max-age=77;secure',
    '__Host-own-kelisim-state=1.a.b.c.1.0.g;path=/;samesite=lax;max-age=77;secure',
  ]);
});

test('a refusal takes an old token away', async () => {
  await keep(host, Response.json({ marker: '1.a...1.0.r', max_age: 77 }));
  expect(written[0]).toBe('__Host-own-kelisim-token=;path=/;samesite=lax;max-age=0;secure');
});

test('plain http has plain names', async () => {
  served('http:');
  await keep(host, Response.json({ token: 'secret', marker: 'm', max_age: 77 }));
  expect(written).toEqual(['kelisim-token=secret;path=/;samesite=lax;max-age=77', 'kelisim-state=m;path=/;samesite=lax;max-age=77']);
});

test('a token under another name is none', () => {
  cookies = 'kelisim-token=planted; x__Host-own-kelisim-token=planted; __Host-own-kelisim-token=mine; a=b';
  expect(own(host, 'token')).toBe('mine');
  cookies = 'kelisim-token=planted; __Host-kelisim-token=planted';
  expect(own(host, 'token')).toBeUndefined();
});
