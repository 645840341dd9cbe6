/** What a visitor can do in the layers of the banner. */

import type { Action } from '../contract/consent.ts';

/** What the layers may do. */
export interface Acts {
  readonly decide: (action: Action) => void;
  readonly customise: () => void;
  /** The visitor seems about to open the settings. */
  readonly prepare: () => void;
  readonly close: () => void;
  readonly speak: (lang: string) => void;
}

