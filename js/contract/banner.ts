/** The answer of GET v1/banner: what to ask, in one language. */

/** The kinds of consent item. */
export type Kind = 'purpose' | 'third_party' | 'cross_border' | 'publication';

/** One thing a visitor can allow. */
export interface Item {
  readonly id: string;
  readonly kind: Kind;
  /** Lowered by a Global Privacy Control signal. */
  readonly gpc: boolean;
  readonly title: string;
  readonly text: string;
  /** The sentence the visitor agrees to. */
  readonly statement: string;
  readonly data: readonly string[];
  readonly retention: string;
}

/** Who receives data. */
export interface Recipient {
  readonly name: string;
  readonly country: string;
  readonly purposes: readonly string[];
}

/** One statement that the law wants in a consent. */
export interface Term {
  readonly label: string;
  readonly value: string;
}

/** Whole sentences and labels; see the keys below. */
export type TextKey =
  | 'title' | 'intro' | 'nothing_stored' | 'change_any_time' | 'reason_note' | 'gpc_note'
  | 'accept_all' | 'refuse_all' | 'customise' | 'save' | 'withdraw' | 'settings' | 'close' | 'cancel'
  | 'retry' | 'policy' | 'language' | 'on' | 'off' | 'always_on' | 'why_title' | 'why_law'
  | 'necessary_title' | 'necessary_text' | 'saved' | 'withdrawn_note' | 'refused_note'
  | 'error_offline' | 'error_busy' | 'recipients_title' | 'terms_title' | 'data_title' | 'retention_title';

/** What to ask. */
export interface BannerDocument {
  readonly v: 1;
  readonly site: string;
  readonly edition: string;
  readonly lang: string;
  readonly langs: readonly string[];
  readonly variant: string;
  readonly text_sha256: string;
  readonly reason: string;
  readonly texts: Readonly<Partial<Record<TextKey, string>>>;
  readonly purposes: readonly Item[];
  readonly recipients: readonly Recipient[];
  readonly terms: readonly Term[];
  readonly policy_url: string;
  /** The live choices of this visitor, or null. */
  readonly choices: Readonly<Record<string, boolean>> | null;
}

/**
 * The document in an answer, or undefined when it is of a version that this code
 * does not know. Both are of one release, so the rest is taken as it stands; where
 * it is not, building a layer fails, and nothing is asked.
 */
export function readBanner(value: unknown): BannerDocument | undefined {
  const doc = value as BannerDocument | null;
  return doc?.v === 1 ? doc : undefined;
}
