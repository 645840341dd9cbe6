/**
 * What a visitor decided, as this browser knows it. The readable cookie is the
 * only source: it is set by the collector (in mode cross-origin by our script, from
 * the collector's answer), holds no id, and is a hint. Nothing is permitted because
 * of it on the server, but nothing is sent without it.
 */

declare const grantedBrand: unique symbol;

interface Decided {
  /** The cookie's value; two equal values are the same decision. */
  readonly raw: string;
  /** Edition of the policy that was decided on: 16 hexadecimal digits. */
  readonly edition: string;
  /** Ids of the consent items that were granted. */
  readonly purposes: readonly string[];
  /** Letters of the telemetry allowed: p page views, e custom events, g engaged time, v vitals. */
  readonly caps: string;
  /** End of the decision, milliseconds since 1970. */
  readonly expires: number;
  /** A Global Privacy Control signal was on when it was made. */
  readonly gpc: boolean;
}

/** Nobody has decided, or the decision no longer counts: ask. */
export interface Undecided {
  readonly status: 'undecided';
  readonly raw: '';
  readonly purposes: readonly string[];
  readonly caps: '';
}

/** A live consent. Only readState makes one, so code that takes it cannot run without consent. */
export interface Granted extends Decided {
  readonly status: 'granted';
  readonly [grantedBrand]: true;
}

/** A live refusal, or a consent taken back. */
export interface Denied extends Decided {
  readonly status: 'refused' | 'withdrawn';
}

/** The states of a visitor. */
export type State = Undecided | Granted | Denied;

/** The editions of a site that count, the current one first, and its mode. */
export type Editions = readonly string[] & {
  /** How the names of the cookies begin on https, where the site is not in mode path; it tells the mode. */
  readonly m?: string;
  /** In mode cross-origin: the folder of the files that are built for it. */
  readonly h?: string;
  /** In a pinned loader: their integrity, by name. */
  readonly i?: Readonly<Record<string, string>>;
};

/**
 * The state a cookie header stands for. The name of the cookie depends on the
 * site's mode; no other counts, least of all that of a weaker mode.
 * @param cookies document.cookie
 * @param editions the current edition of the site and the older ones that still hold
 * @param now milliseconds since 1970
 */
export function readState(cookies: string, editions: Editions, now: number): State {
  const [, raw, edition, items, caps, days, gpc, status] =
    `; ${cookies};`.match(
      `; ${location.protocol[5] ? (editions.m ?? '__Host-') : ''}kelisim-state=` + // longer than http:
        '(1\\.(\\w+)\\.([\\w+-]*)\\.(\\w*)\\.(\\d+)\\.([01])\\.([grw]));',
    ) ?? [];
  const expires = (days as unknown as number) * 864e5;
  return editions.includes(edition!) && now < expires
    ? ({ status: { g: 'granted', r: 'refused', w: 'withdrawn' }[status!], raw, edition, purposes: items!.match(/[\w-]+/g) ?? [], caps, expires, gpc: (gpc as unknown as number) > 0 } as Granted | Denied)
    : { status: 'undecided', raw: '', purposes: [], caps: '' };
}
