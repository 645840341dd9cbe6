/** The banner's place in the page, and which of its parts are in it. */

import { element } from './element.ts';
import { toast, type Toast } from './toast.ts';
import { uncover } from './uncover.ts';

/** What is on the screen. */
export interface Surface {
  readonly root: HTMLElement;
  readonly say: Toast['say'];
  /** Puts the first layer in, in the place of an older one. */
  readonly layer: (made: HTMLElement) => void;
  /** The first layer, if there is one. */
  readonly bar: () => HTMLElement | undefined;
  /** Opens the settings, unless it is they that are open. */
  readonly settings: (made: HTMLDialogElement) => void;
  /** Says later whether what was wanted now is still wanted: not after another wish, nor after hide. */
  readonly wish: () => () => boolean;
  readonly dialog: () => HTMLDialogElement | undefined;
  readonly closeDialog: () => void;
  /** Takes everything away but what is being said; the first layer may stay, out of sight. */
  readonly hide: (keep?: boolean) => void;
}

/** An empty surface. @param cancelled is called when the visitor leaves the settings without deciding */
export function surface(cancelled: () => void): Surface {
  let wishes = 0;
  let bar: HTMLElement | undefined;
  let dialog: HTMLDialogElement | undefined;
  let back: HTMLElement | undefined; // where the keyboard was before it came to the banner
  let opener: HTMLElement | undefined; // and before it came to the settings

  /** The root is the first thing of the page, where a keyboard finds it, and is gone when empty. */
  const tidy = (): void => {
    const barred = bar?.hidden === false;
    root.classList.toggle('k-above', !barred);
    if (card.hidden && !dialog && !barred) root.remove();
    else if (!root.isConnected) document.body.prepend(root);
  };
  const { card, say } = toast(() => tidy());
  const root = element('div', { id: 'kelisim', role: 'region', 'aria-labelledby': 'kelisim-title', dir: 'auto' }, card);

  document.addEventListener('focusin', ({ target, relatedTarget: from }) => {
    if (from instanceof HTMLElement && root.contains(target as Node) && !root.contains(from)) back = from;
    const look = (): void => {
      if (bar?.hidden === false && target === document.activeElement) uncover(target as HTMLElement, root);
    };
    look();
    requestAnimationFrame(look); // WebKit scrolls to what has the focus after it says so
  });

  /** What is removed is closed, without the wait for a layout that close() takes to give the focus back. */
  const shut = (): void => {
    dialog?.remove();
    dialog = undefined;
    tidy();
  };
  const closeDialog = (): void => {
    cancelled();
    shut();
    opener?.focus();
  };

  return {
    root,
    say,
    bar() {
      tidy(); // a page may have taken the root out
      return bar;
    },
    wish() {
      const mine = ++wishes;
      return () => mine === wishes;
    },
    dialog: () => dialog,
    closeDialog,
    layer(made) {
      if (bar) bar.replaceWith(made);
      else root.append(made);
      bar = made;
      opener = made.querySelector<HTMLElement>('[aria-haspopup]')!; // the old one is gone
      tidy();
    },
    settings(made) {
      if (made === dialog) return;
      opener = document.activeElement as HTMLElement;
      dialog = made;
      root.append(made);
      tidy();
      made.showModal();
    },
    hide(keep) {
      wishes++;
      const inside = root.contains(document.activeElement);
      shut();
      if (keep && bar) bar.hidden = true;
      else {
        bar?.remove();
        bar = undefined;
      }
      tidy();
      if (inside) back?.focus();
    },
  };
}
