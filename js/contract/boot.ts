/** How the scripts of a page find each other: one object, set by the collector in front of the loader. */

import type { Settings } from '../banner/settings.ts';
import type { FirstDocument } from './banner.ts';
import type { Editions, Granted, State } from './state.ts';
import type { Props } from './events.ts';
import type { Outbox } from '../telemetry/outbox.ts';
import type { Session } from '../telemetry/session.ts';

/** What the loader gives to the scripts it loads. */
export interface Host {
  /** Where the collector lives; ends in a slash. */
  readonly base: string;
  /** The loader's own tag: its data attributes are the page's options. */
  readonly script: HTMLScriptElement;
  /** What the visitor decided. */
  readonly state: () => State;
  /** Reads the cookie again. */
  readonly update: () => void;
  /** Loads a file of the collector by its name, without .js, and then does something. */
  readonly load: (name: string, then: () => void) => void;
  /** Other tabs of the site; any message means: read the cookie again. */
  readonly channel: BroadcastChannel;
  /** Says something in the console when data-debug is set. */
  readonly log: (...what: unknown[]) => void;
}

/** Running telemetry. */
export interface Telemetry {
  readonly event: (name: string, props: Props | undefined) => void;
  /** Ends it for good. */
  readonly stop: () => undefined;
}

/**
 * What the banner is told to do: to show the first layer, or the settings once
 * something was decided; to show the first layer or nothing; to go; to take the
 * consent back.
 */
export type BannerAct = 'open' | 'ask' | 'close' | 'withdraw';

/** The object. */
export interface Boot {
  /** Per site: the current edition and the older ones that still hold, and its mode. */
  e: Record<string, Editions>;
  /** Folder of the other files, below a/: a hash of them all. */
  h: string;
  /** In a loader that asks: what is asked, by site, in the language that the collector takes for the page's. */
  d?: Record<string, FirstDocument>;
  /** In a pinned loader: the integrity of each script and style sheet, by name. */
  i?: Readonly<Record<string, string>>;
  /** The page's Trusted Types policy, once somebody needed it. */
  p?: TrustedPolicy | undefined;
  /** Set while a decision is on its way that may take something back: until it has arrived, nothing is sent. */
  x?: boolean;
  /** Set by the banner script. */
  b?: (host: Host, act: BannerAct) => void;
  /** Set by the script of the settings; waits for their style sheet. */
  s?: Settings;
  /**
   * Set by the script of waiting tags: looks what may start, and what must go.
   * was are the purposes granted before, for when this script was not there yet.
   */
  r?: (host: Host, was?: readonly string[]) => void;
  /** Set by the telemetry script. */
  t?: (granted: Granted, host: Host) => Telemetry;
  /** Set by the script of the way back, for pages that have none. */
  w?: (host: Host) => void;
  /** Set by the script that measures vitals. */
  v?: (first: Promise<Session | undefined>, box: Outbox, signal: AbortSignal) => Promise<void>;
}

declare global {
  /** The banner's style sheet, where a build brings it along; otherwise empty. */
  const STYLE: string;
  interface Window {
    kelisimBoot?: Boot;
    kelisim?: unknown;
    trustedTypes?: { createPolicy(name: string, rules: Record<string, (text: string) => string>): TrustedPolicy };
  }
  interface Document {
    prerendering?: boolean;
  }
  interface Navigator {
    readonly globalPrivacyControl?: boolean;
  }
}

/** The part of a Trusted Types policy that we use; its values pass as strings. */
export interface TrustedPolicy {
  createScriptURL(text: string): string;
  createScript(text: string): string;
}
