/** The body of POST v1/consent. */

/** What a visitor did. */
export type Action = 'accept_all' | 'refuse_all' | 'custom' | 'withdraw';

/** One decision as it is sent. */
export interface Decision {
  readonly v: 1;
  readonly site: string;
  readonly edition: string;
  readonly lang: string;
  readonly action: Action;
  readonly choices?: Readonly<Record<string, boolean>>;
  /** Makes a repeated call harmless; it is nobody's id. */
  readonly key: string;
  readonly shown: { readonly variant: string; readonly text_sha256: string };
  readonly gpc?: true;
}
