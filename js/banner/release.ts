/**
 * Tags of third parties wait in the page until their purpose is granted:
 * <script type="text/plain" data-kelisim="marketing" src=…> and
 * <iframe data-kelisim="marketing" data-kelisim-src=…>.
 */

import type { Host } from '../contract/boot.ts';

/**
 * Starts the waiting tags of the purposes granted. On a page whose policy uses
 * nonces a waiting script must carry the page's nonce, or markup that slipped
 * into the page would become a script through us.
 */
function release({ script, state }: Host): void {
  const { purposes } = state();
  const nonce = script.dataset['nonce'] ?? script.nonce ?? '';
  const boot = window.kelisimBoot!;
  const same = (text: string): string => text;
  const trusted = (boot.p ??= window.trustedTypes?.createPolicy('kelisim', { createScriptURL: same, createScript: same }) ?? { createScriptURL: same, createScript: same });
  for (const tag of document.querySelectorAll<HTMLElement>('script[type="text/plain"][data-kelisim],iframe[data-kelisim-src]')) {
    if (!purposes.includes(tag.dataset['kelisim']!)) continue;
    if (tag instanceof HTMLIFrameElement) {
      tag.src = tag.dataset['kelisimSrc']!;
      delete tag.dataset['kelisimSrc'];
    } else if (tag.nonce === nonce) {
      const started = document.createElement('script');
      for (const { name, value } of tag.attributes) {
        if (name === 'src') started.src = trusted.createScriptURL(value);
        else if (!/^(type|nonce|on.*)$/.test(name)) started.setAttribute(name, value);
      }
      started.async = tag.hasAttribute('async');
      started.nonce = nonce;
      if (!tag.hasAttribute('src')) started.text = trusted.createScript((tag as HTMLScriptElement).text);
      tag.replaceWith(started);
    }
  }
}

window.kelisimBoot!.r = release;
