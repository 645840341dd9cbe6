/** What all adapters share: they tell a third party's own consent switch what the visitor permits. */

/** Whether all of the purposes named are granted; none named is never granted. */
export type Permits = (purposes: string) => boolean;

interface Interface {
  readonly state?: () => { readonly raw: string; readonly purposes: readonly string[] } | undefined;
}

/**
 * Calls back once for each choice, and when a consent has run out. An undecided
 * visitor is told nothing of: what the third party was told by default stands.
 */
export function follow(tell: (permits: Permits) => void): void {
  let told = '';
  const look = (): void => {
    const state = (window.kelisim as Interface | undefined)?.state?.();
    if (!state || state.raw === told) return;
    told = state.raw;
    tell((purposes) => {
      const named = purposes.match(/[\w-]+/g) ?? [];
      return named.length > 0 && named.every((purpose) => state.purposes.includes(purpose));
    });
  };
  document.addEventListener('kelisim:change', look);
  look();
}

/** The options of the adapter's own tag. */
export function options(): DOMStringMap {
  return (document.currentScript as HTMLScriptElement).dataset;
}
