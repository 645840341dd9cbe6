import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Host } from '../contract/boot.ts';
import type { Decision } from '../contract/consent.ts';
import { deliver, uuid } from './deliver.ts';

const decision: Decision = {
  v: 1, site: 'shop', edition: 'a1b2c3d4e5f60718', lang: 'kk', action: 'accept_all',
  key: '00000000-0000-4000-8000-000000000000', shown: { variant: 'bar-1', text_sha256: '' },
};
const host = { base: '/' } as Host;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('addEventListener', () => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Answers of the collector one after another; 0 is no answer. */
function answers(...statuses: number[]): string[] {
  const sent: string[] = [];
  vi.stubGlobal('fetch', (_: string, { body }: { body: string }) => {
    sent.push(body);
    const status = statuses.shift() ?? 0;
    return status ? Promise.resolve({ status }) : Promise.reject(new TypeError('network'));
  });
  return sent;
}

test('repeats the same bytes until the collector acknowledges them', async () => {
  const sent = answers(0, 503, 429, 201);
  const failures: string[] = [];
  const done = deliver(host, decision, (why) => failures.push(why), new AbortController().signal);
  await vi.advanceTimersByTimeAsync(8000);
  expect(await done).toBe('saved');
  expect(failures).toEqual(['error_offline', 'error_busy', 'error_busy']);
  expect(new Set(sent).size).toBe(1);
  expect(sent).toHaveLength(4);
});

test('a visitor can hurry the next attempt', async () => {
  answers(0, 201);
  const done = deliver(host, decision, (_, again) => again(), new AbortController().signal);
  await vi.advanceTimersByTimeAsync(1);
  expect(await done).toBe('saved');
});

test('another choice takes its place', async () => {
  const sent = answers(0, 0, 0);
  const replaced = new AbortController();
  const done = deliver(host, decision, () => replaced.abort(), replaced.signal);
  await vi.advanceTimersByTimeAsync(1);
  expect(await done).toBe('replaced');
  expect(sent).toHaveLength(1);
});

test.each([400, 404, 409])('%i asks anew', async (status) => {
  answers(status);
  expect(await deliver(host, decision, () => {}, new AbortController().signal)).toBe('outdated');
});

test('a key is a UUID, and each is another', () => {
  const keys = Array.from({ length: 100 }, uuid);
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(keys).size).toBe(100);
});
