/** The time a visitor spends with a page: while it is in front and has the keyboard. */

/** A clock of attention. */
export interface Attention {
  /** Looks whether the visitor is here; returns the milliseconds so far. */
  readonly look: () => number;
  /** Stops counting until the next look. */
  readonly away: () => void;
  /** Begins at zero. */
  readonly reset: () => void;
}

/** A clock that shows zero. */
export function attention(): Attention {
  let since = 0; // when the visitor last turned to the page; 0 while turned away
  let total = 0;
  return {
    look() {
      const now = performance.now();
      if (since) total += now - since;
      since = !document.hidden && document.hasFocus() ? now : 0;
      return Math.round(total);
    },
    away() {
      since = 0;
    },
    reset() {
      total = 0;
    },
  };
}
