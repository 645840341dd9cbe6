/** What a visitor can do in the layers of the banner. */

/** What the layers may do. */
export interface Acts {
  readonly acceptAll: () => void;
  readonly refuseAll: () => void;
  readonly customise: () => void;
  readonly save: () => void;
  readonly withdraw: () => void;
  readonly close: () => void;
  readonly speak: (lang: string) => void;
}

