/**
 * The Meta pixel: told "revoke" before it is begun, and "grant" while the purpose
 * is granted.
 *
 *   <script src="/kelisim/adapters/meta.js" data-purposes="marketing"></script>
 *
 * It stands behind the pixel's stub and in front of its init, or makes a stub.
 */

import { follow, options } from './follow.ts';

interface Pixel {
  (...call: unknown[]): void;
  queue?: unknown[][];
  callMethod?: (...call: unknown[]) => void;
  push?: Pixel;
  loaded?: boolean;
  version?: string;
}

const { purposes = 'marketing' } = options();
const page = window as unknown as { fbq?: Pixel; _fbq?: Pixel };
page.fbq ??= stub();

/** What the pixel's own snippet puts there, without loading anything. */
function stub(): Pixel {
  const fbq: Pixel = (...call) => {
    if (fbq.callMethod) fbq.callMethod(...call);
    else fbq.queue!.push(call);
  };
  fbq.queue = [];
  fbq.push = fbq;
  fbq.loaded = true;
  fbq.version = '2.0';
  page._fbq ??= fbq;
  return fbq;
}

page.fbq('consent', 'revoke');
follow((permits) => page.fbq!('consent', permits(purposes) ? 'grant' : 'revoke'));
