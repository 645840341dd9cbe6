/**
 * Tags of third parties wait in the page until their purpose is granted:
 * <script type="text/plain" data-kelisim="marketing" src=…> and
 * <iframe data-kelisim="marketing" data-kelisim-src=…>.
 */

import type { TrustedPolicy } from '../contract/boot.ts';

/**
 * Starts the waiting tags of the purposes granted. On a page whose policy uses
 * nonces a waiting script must carry the page's nonce, or markup that slipped
 * into the page would become a script through us.
 */
export function release(purposes: readonly string[], nonce: string, trusted: TrustedPolicy): void {
  for (const tag of document.querySelectorAll<HTMLElement>('script[type="text/plain"][data-kelisim],iframe[data-kelisim-src]')) {
    if (!purposes.includes(tag.dataset['kelisim']!)) continue;
    if (tag instanceof HTMLIFrameElement) {
      tag.src = tag.dataset['kelisimSrc']!;
      delete tag.dataset['kelisimSrc'];
    } else if (tag.nonce === nonce) {
      const script = document.createElement('script');
      for (const { name, value } of tag.attributes) {
        if (name === 'src') script.src = trusted.createScriptURL(value);
        else if (!/^(type|nonce|on.*)$/.test(name)) script.setAttribute(name, value);
      }
      script.async = tag.hasAttribute('async');
      script.nonce = nonce;
      if (!tag.hasAttribute('src')) script.text = trusted.createScript((tag as HTMLScriptElement).text);
      tag.replaceWith(script);
    }
  }
}
