/** The time a visitor spends with a page: while it is in front and has the keyboard. */

/** Looks whether the visitor is here; returns the milliseconds so far. With a value, that is what the clock shows from now on. */
export type Attention = (set?: number) => number;

/** A clock that shows zero. */
export function attention(): Attention {
  let since = 0; // when the visitor last turned to the page; 0 while turned away
  let total = 0;
  return (set) => {
    const now = performance.now();
    if (since) total += now - since;
    since = !document.hidden && document.hasFocus() ? now : 0;
    return Math.round((total = set ?? total));
  };
}
