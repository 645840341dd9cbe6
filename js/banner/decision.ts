/** A visitor's act as it is sent. */

import type { FirstDocument } from '../contract/banner.ts';
import type { Host } from '../contract/boot.ts';
import type { Action, Decision } from '../contract/consent.ts';
import type { Granted } from '../contract/state.ts';
import { uuid } from './deliver.ts';
import { firstOf } from './language.ts';

/** Languages of the product; a site may have fewer. */
const spoken: readonly string[] = ['kk', 'ru', 'en'];

/** Whether the browser sends a Global Privacy Control signal. */
export const gpc = navigator.globalPrivacyControl === true;

/**
 * The decision that an act comes to. Without a document, as when a page takes
 * back the consent by itself, it names the edition of the consent.
 */
export function decisionOf(
  { script, state }: Host,
  action: Action,
  doc: FirstDocument | undefined,
  choices: Readonly<Record<string, boolean>>,
): Decision {
  const now = state();
  return {
    v: 1,
    site: script.dataset['site']!,
    edition: doc?.edition ?? (now as Granted).edition,
    lang: doc?.lang ?? firstOf(script.dataset['lang'], spoken),
    action,
    ...(action === 'custom' && doc && { choices: Object.fromEntries(doc.purposes.map(({ id }) => [id, choices[id] === true])) }),
    key: uuid(),
    shown: { variant: doc?.variant ?? 'api', text_sha256: doc?.text_sha256 ?? '' },
    ...(gpc && { gpc }),
  };
}
