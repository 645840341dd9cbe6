/** How the loader fetches the other files. */

import type { Boot } from '../contract/boot.ts';

/** Loads a file, once, and then does something; one that could not be had is tried anew the next time. */
export type Load = (name: string, then: () => void) => void;

declare global {
  /** Set when the loader is built to be pinned: it then checks every file that it loads. */
  const PINNED: boolean;
}

/** Loads from a folder. */
export function loading(folder: string): Load {
  let tries = ''; // a browser never fetches a module twice that it could not have
  return (name, then) =>
    void (STYLE && name === 'banner' ? Promise.resolve() : import(folder + name + '.js' + tries)).then(then, () => (tries += '?'));
}

/** Loads from a folder what is as the pinned loader knows it, and nothing else. */
export function checked(folder: string, boot: Boot, by: HTMLScriptElement): Load {
  const integrity = boot.e[by.dataset['site']!]?.i ?? boot.i!;
  const loads: Record<string, Promise<unknown> | undefined> = {};
  const same = (text: string): string => text;
  boot.p = window.trustedTypes?.createPolicy('kelisim', { createScriptURL: same, createScript: same });
  return (name, then) =>
    void (loads[name] ??= new Promise((done) => {
      const element = document.createElement('script');
      element.type = 'module';
      element.integrity = integrity[name]!;
      element.nonce = by.dataset['nonce'] ?? by.nonce ?? '';
      const url = `${folder}${name}.js`;
      element.src = boot.p?.createScriptURL(url) ?? url;
      element.onload = done;
      element.onerror = () => delete loads[name];
      document.head.append(element);
    })).then(then);
}
