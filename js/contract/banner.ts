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

type Guard = (value: unknown) => boolean;

const text: Guard = (v) => typeof v === 'string';
const flag: Guard = (v) => typeof v === 'boolean';
const list = (of: Guard): Guard => (v) => Array.isArray(v) && v.every(of);
const dict = (of: Guard): Guard => (v) => isRecord(v) && Object.values(v).every(of);
const shape = (of: Record<string, Guard>): Guard => (v) => isRecord(v) && Object.keys(of).every((key) => of[key]!(v[key]));

function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}

const isDocument = shape({
  v: (v) => v === 1,
  edition: text,
  lang: text,
  langs: list(text),
  variant: text,
  text_sha256: text,
  texts: dict(text),
  purposes: list(shape({ id: text, kind: text, gpc: flag, title: text, text, statement: text, data: list(text), retention: text })),
  recipients: list(shape({ name: text, country: text, purposes: list(text) })),
  terms: list(shape({ label: text, value: text })),
  policy_url: text,
  choices: (v) => v === null || dict(flag)(v),
});

/** The document in an answer, or undefined when it is not one this code can show. */
export function readBanner(value: unknown): BannerDocument | undefined {
  return isDocument(value) ? (value as BannerDocument) : undefined;
}
