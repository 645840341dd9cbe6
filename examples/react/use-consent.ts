import { useSyncExternalStore } from 'react';
import { onChange, state, type State } from 'kelisim';

const nothing = (): undefined => undefined;

/** What the visitor decided, or undefined until that is known; rendered anew when it changes. */
export function useConsent(): State | undefined {
  return useSyncExternalStore(onChange, state, nothing);
}

/** Whether a purpose is granted. */
export function useGranted(purpose: string): boolean {
  return useConsent()?.purposes.includes(purpose) ?? false;
}
