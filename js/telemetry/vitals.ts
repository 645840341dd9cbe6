/**
 * Loading and response times of a page, measured by web-vitals. It is loaded only
 * where a consent allows vitals, and reports once: when the page is first left.
 */

import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals';
import type { Outbox } from './outbox.ts';
import type { Session } from './session.ts';

/** Reports what was measured, by the names that the collector knows, with the first page view; later ones inside the page load nothing. */
async function measure(first: Promise<Session | undefined>, { push, flush }: Outbox, signal: AbortSignal): Promise<void> {
  const measures: Record<string, number> = {};
  for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) {
    on(({ name, value }) => (measures[name.toLowerCase()] = Math.round(value * 1e3) / 1e3));
  }
  const view = await first;
  if (!view) return;
  // The event bubbles: by the time it is here, everything above has had its last word.
  const left = (): void => {
    if (!document.hidden || !Object.keys(measures)[0]) return;
    removeEventListener('visibilitychange', left);
    push(view, { name: 'vitals', props: measures });
    flush();
  };
  addEventListener('visibilitychange', left, { signal });
}

window.kelisimBoot!.v = measure;
