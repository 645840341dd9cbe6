import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Host } from '../contract/boot.ts';
import type { EventsCall } from '../contract/events.ts';
import { outbox } from './outbox.ts';
import type { Session } from './session.ts';

const session: Session = { id: 'a', start: 0, last: 0, seq: 1, by: 'grant' };
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

test('a call that had no answer says so when it is made again, and no other does', async () => {
  const box = outbox({ base: '/', script: { dataset: { site: 'shop' } }, log: () => undefined } as unknown as Host, () => true, () => undefined);
  answer = () => {
    throw new TypeError('the network is away');
  };
  box.push(session, { name: 'pageview' });
  await vi.advanceTimersByTimeAsync(400);
  answer = () => Response.json({ accepted: 1, dropped: {} }, { status: 202 });
  box.push({ ...session, seq: 2 }, { name: 'pageview' }); // goes with the repeat
  await vi.advanceTimersByTimeAsync(10_000);
  box.push({ ...session, seq: 3 }, { name: 'pageview' });
  await vi.advanceTimersByTimeAsync(400);
  expect(calls.map(({ again, events }) => [again, events.map(({ seq }) => seq)])).toEqual([
    [undefined, [1]],
    [true, [1, 2]],
    [undefined, [3]],
  ]);
});
