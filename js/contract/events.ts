/** The body of POST v1/events and its answer. */

/** One event as it is sent. */
export interface WireEvent {
  readonly seq: number;
  readonly name: string;
  readonly url?: string;
  readonly referrer?: string;
  readonly props?: Readonly<Record<string, string | number | boolean>>;
  /** Engaged time so far, milliseconds; only of an engagement. */
  readonly engaged?: number;
  /** How long before sending it happened, milliseconds. */
  readonly ago?: number;
}

/** The envelope. */
export interface EventsCall {
  readonly v: 1;
  readonly site: string;
  /** Of the consent, in mode cross-origin. */
  readonly token?: string | undefined;
  /** The browser's clock when it sent, so that a wrong clock does no harm. */
  readonly now: number;
  readonly session: { readonly id: string; readonly start: number };
  /** Set when one of the events was in a call that had no answer: it may stand already. */
  readonly again?: boolean;
  readonly events: readonly WireEvent[];
}

/** Properties of a custom event. */
export type Props = Readonly<Record<string, string | number | boolean>>;

/**
 * Whether the answer to events says that the consent behind them is over: some were
 * dropped for a reason that holds for all that would follow.
 */
export function isOver(answer: string): boolean {
  return /"dropped":.*"(withdrawn|expired|edition|bad_token|no_consent)"/.test(answer);
}
