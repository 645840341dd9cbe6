/** What a visitor can do in the layers of the banner. */

/** What the layers may do. */
export interface Acts {
  readonly acceptAll: () => void;
  readonly refuseAll: () => void;
  readonly customise: () => void;
  /** The visitor seems about to open the settings. */
  readonly prepare: () => void;
  readonly save: () => void;
  readonly withdraw: () => void;
  readonly close: () => void;
  readonly speak: (lang: string) => void;
}

