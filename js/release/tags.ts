/** Starts the tags that wait for a purpose. */

import type { TrustedPolicy } from '../contract/boot.ts';

const addresses = ['srcset', 'src', 'href'] as const;

/** Everything that can wait; scripts that have started have another type. */
const waiting =
  'script[type="text/plain"][data-kelisim],' +
  addresses.map((name) => `:is(iframe,img,source,link,video,audio)[data-kelisim][data-kelisim-${name}]`).join();

/** The tags that wait now, in the order of the document. */
export function waitingTags(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(waiting)];
}

/** The purposes that a tag needs, all of them; a tag that names none waits for ever. */
export function needs(tag: HTMLElement): string[] {
  return (tag.dataset['kelisim'] ?? '').trim().split(/[\s,]+/);
}

/**
 * Whether a script may be started at all. On a page whose policy uses nonces it
 * must carry the page's, or markup that slipped into the page would become a
 * script through us. A nonce that the browser hides from the markup tells of such
 * a policy, also where our own tag carries none.
 */
export function mayStart(tag: HTMLElement, nonce: string): boolean {
  if (!(tag instanceof HTMLScriptElement)) return true;
  if (nonce) return tag.nonce === nonce;
  return ![...document.scripts].some((script) => script.nonce && !script.getAttribute('nonce'));
}

/** Starts a tag. The promise is that of a script that the next tag has to wait for. */
export function start(tag: HTMLElement, nonce: string, trusted: () => TrustedPolicy): Promise<unknown> | undefined {
  if (tag instanceof HTMLScriptElement) return startScript(tag, nonce, trusted);
  for (const name of addresses) {
    const address = tag.getAttribute(`data-kelisim-${name}`);
    if (address === null) continue;
    tag.removeAttribute(`data-kelisim-${name}`);
    tag.setAttribute(name, address);
  }
  return undefined;
}

function startScript(tag: HTMLScriptElement, nonce: string, trusted: () => TrustedPolicy): Promise<unknown> | undefined {
  const script = document.createElement('script');
  for (const { name, value } of tag.attributes) {
    // Handlers in markup never run under a nonce, and would be reported.
    if (/^on/.test(name)) nonce || script.setAttribute(name, trusted().createScript(value));
    else if (!/^(type|src|nonce|data-kelisim-type)$/.test(name)) script.setAttribute(name, value);
  }
  script.type = tag.dataset['kelisimType'] ?? '';
  script.async = tag.hasAttribute('async');
  script.nonce = nonce;
  const address = tag.getAttribute('src');
  if (address === null) script.text = trusted().createScript(tag.text);
  else script.src = trusted().createScriptURL(address);
  const over = new Promise((done) => ['load', 'error'].forEach((type) => script.addEventListener(type, done)));
  tag.replaceWith(script);
  return address === null || script.async ? undefined : over;
}
