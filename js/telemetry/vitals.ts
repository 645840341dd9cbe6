/**
 * Loading and response times of a page, measured by web-vitals. It is loaded only
 * where a consent allows vitals, and reports once: when the page is first left.
 */

import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals';

/** Reports what was measured, by the names that the collector knows. */
function measure(report: (measures: Record<string, number>) => void, signal: AbortSignal): void {
  const measures: Record<string, number> = {};
  for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) {
    on(({ name, value }) => (measures[name.toLowerCase()] = Math.round(value * 1e3) / 1e3));
  }
  // The event bubbles: by the time it is here, everything above has had its last word.
  const left = (): void => {
    if (!document.hidden || !Object.keys(measures)[0]) return;
    removeEventListener('visibilitychange', left);
    report(measures);
  };
  addEventListener('visibilitychange', left, { signal });
}

window.kelisimBoot!.v = measure;
