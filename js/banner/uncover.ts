/** Keeps the element that has the keyboard in sight while the first layer is open. */

/** Scrolls the page, or moves the banner to the top, when the banner covers a focused element. */
export function uncover(focused: HTMLElement, banner: HTMLElement): void {
  if (banner.contains(focused)) return;
  const covered = (): number => {
    const a = focused.getBoundingClientRect();
    const b = banner.getBoundingClientRect();
    return a.bottom > b.top && a.top < b.bottom && a.right > b.left && a.left < b.right ? a.bottom - b.top : 0;
  };
  banner.classList.remove('k-top');
  const by = covered();
  if (!by) return;
  scrollBy(0, by + 8);
  if (covered()) banner.classList.add('k-top');
}
