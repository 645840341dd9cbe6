import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Host } from '../contract/boot.ts';
import type { EventsCall } from '../contract/events.ts';
import { outbox } from './outbox.ts';
import type { Session } from './session.ts';

const session: Session = { id: 'a', start: 0, seq: 1, kept: '' };
let calls: EventsCall[];
let answer: () => Response;

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  vi.stubGlobal('fetch', (_: string, { body }: { body: string }) => {
    calls.push(JSON.parse(body) as EventsCall);
    return Promise.resolve().then(answer);
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** An outbox with nothing in it; what it is told is permitted. */
const empty = () =>
  outbox({ base: '/', script: { dataset: { site: 'shop' } }, log: () => undefined } as unknown as Host, () => true, () => undefined);

test('a call that had no answer says so when it is made again, and no other does', async () => {
  const box = empty();
  answer = () => {
    throw new TypeError('the network is away');
  };
  box.push(session, { name: 'pageview' });
  await vi.advanceTimersByTimeAsync(400);
  answer = () => Response.json({ accepted: 1, dropped: {} }, { status: 202 });
  box.push({ ...session, seq: 2 }, { name: 'pageview' });
  await vi.advanceTimersByTimeAsync(10_000);
  box.push({ ...session, seq: 3 }, { name: 'pageview' });
  await vi.advanceTimersByTimeAsync(400);
  expect(calls.map(({ again, events }) => [again, events.map(({ seq }) => seq)])).toEqual([
    [undefined, [1]],
    [true, [1]],
    [undefined, [2]],
    [undefined, [3]],
  ]);
});

test('a call holds the events of one session, and no more than the collector takes', async () => {
  answer = () => Response.json({ accepted: 1, dropped: {} }, { status: 202 });
  const box = empty();
  for (let seq = 1; seq <= 60; seq++) box.push({ ...session, seq }, { name: 'a' });
  box.push({ ...session, id: 'b', seq: 1 }, { name: 'a' });
  await vi.advanceTimersByTimeAsync(400);
  expect(calls.map(({ session: { id }, events }) => [id, events.length])).toEqual([['a', 50], ['a', 10], ['b', 1]]);
});

test('while the collector is away few calls wait, the newest; the pauses grow, whatever waits', async () => {
  answer = () => new Response('', { status: 503 });
  const box = empty();
  for (let seq = 1; seq <= 12; seq++) {
    box.push({ ...session, id: String(seq), seq }, { name: 'a' });
    box.flush();
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(2 * 300_000);
  calls = [];
  answer = () => Response.json({ accepted: 1, dropped: {} }, { status: 202 });
  await vi.advanceTimersByTimeAsync(2 * 300_000);
  expect(calls.map(({ session: { id }, again }) => [id, again])).toEqual(Array.from({ length: 9 }, (_, i) => [String(i + 4), true]));
  const before = calls.length;
  await vi.advanceTimersByTimeAsync(2 * 300_000);
  expect(calls.length).toBe(before);
});

test('several calls that wait grow the pause as one does', async () => {
  answer = () => new Response('', { status: 503 });
  const box = empty();
  for (const id of ['a', 'b', 'c']) box.push({ ...session, id }, { name: 'a' });
  await vi.advanceTimersByTimeAsync(300);
  expect(calls).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(3000); // from 2 to 3 seconds after the first failure
  expect(calls).toHaveLength(6);
});

test('what the collector refuses for good is not sent again', async () => {
  answer = () => Response.json({ error: { code: 'bad_body' } }, { status: 400 });
  empty().push(session, { name: 'a' });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(calls).toHaveLength(1);
});
