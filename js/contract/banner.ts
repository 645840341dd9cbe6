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
  /** What it turns on in the page. */
  readonly services?: readonly Service[];
}

/** A tool that a purpose turns on in the page. */
export interface Service {
  readonly name: string;
  readonly provider: string;
  readonly country: string;
  readonly retention: string;
  /** Names of what it keeps in the browser. */
  readonly stores: readonly string[];
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

/** Whole sentences and labels that the first layer has. */
type FirstKey =
  | 'title' | 'intro' | 'nothing_stored' | 'change_any_time' | 'accept_all' | 'refuse_all' | 'customise' | 'settings'
  | 'retry' | 'policy' | 'language' | 'saved' | 'refused_note' | 'error_offline' | 'error_busy';

/** Those that only the whole document has. */
type WholeKey =
  | 'save' | 'withdraw' | 'close' | 'cancel' | 'on' | 'off' | 'always_on' | 'why_title' | 'why_law' | 'withdrawn_note'
  | 'recipients_title' | 'terms_title' | 'data_title' | 'retention_title' | 'services_title' | 'stores_title';

/** Those that are not always there. */
type RareKey = 'reason_note' | 'gpc_note' | 'necessary_title' | 'necessary_text';

export type TextKey = FirstKey | WholeKey | RareKey;

/** Texts by key. */
type Texts<Key extends TextKey> = Readonly<Record<Key, string> & Partial<Record<TextKey, string>>>;

/** What the first layer shows. */
export interface FirstDocument {
  readonly v: 1;
  readonly edition: string;
  readonly lang: string;
  readonly langs: readonly string[];
  readonly variant: string;
  /** Where the banner stands, as class names; absent where it stands by default. */
  readonly place?: string;
  /** A style sheet with the site's own colours; absent with the default ones. */
  readonly style?: string;
  readonly text_sha256: string;
  readonly texts: Texts<FirstKey>;
  readonly purposes: readonly Pick<Item, 'id' | 'title'>[];
  readonly policy_url: string;
}

/** What to ask: all of it. */
export interface BannerDocument extends FirstDocument {
  readonly texts: Texts<FirstKey | WholeKey>;
  readonly site: string;
  readonly reason: string;
  readonly purposes: readonly Item[];
  readonly recipients: readonly Recipient[];
  readonly terms: readonly Term[];
  /** The live choices of this visitor, or null. */
  readonly choices: Readonly<Record<string, boolean>> | null;
}

/**
 * The document in an answer, or undefined when it is of a version that this code
 * does not know. Both are of one release, so the rest is taken as it stands; where
 * it is not, building a layer fails, and nothing is asked.
 */
export function readBanner(value: unknown): FirstDocument | undefined {
  const doc = value as FirstDocument | null;
  return doc?.v === 1 ? doc : undefined;
}

/** Whether a document is the whole one. */
export const isWhole = (doc: FirstDocument): doc is BannerDocument => 'terms' in doc;
