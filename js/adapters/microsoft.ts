/**
 * Microsoft: Universal Event Tracking and Clarity, both denied by default.
 *
 *   <script src="/kelisim/adapters/microsoft.js"></script>
 *
 * Options on the tag: data-ad-storage ("marketing") and data-analytics-storage
 * ("analytics") name the purposes that grant each.
 */

import { follow, options, type Permits } from './follow.ts';

type Clarity = ((...call: unknown[]) => void) & { q?: unknown[] };

const { adStorage = 'marketing', analyticsStorage = 'analytics' } = options();
const page = window as unknown as { uetq?: { push(...call: unknown[]): void }; clarity?: Clarity };
page.uetq ??= [];
page.clarity ??= waiting();

/** What Clarity's own snippet puts there, without loading anything. */
function waiting(): Clarity {
  const clarity: Clarity = (...call) => void (clarity.q ??= []).push(call);
  return clarity;
}

const tell = (when: 'default' | 'update', permits: Permits): void => {
  const word = (purposes: string): string => (permits(purposes) ? 'granted' : 'denied');
  page.uetq!.push('consent', when, { ad_storage: word(adStorage) });
  page.clarity!('consentv2', { ad_Storage: word(adStorage), analytics_Storage: word(analyticsStorage) });
};

tell('default', () => false);
follow((permits) => tell('update', permits));
