/** How the three scripts of a page find each other: one object, set by the collector in front of the loader. */

import type { Granted, State } from './state.ts';
import type { Props } from './events.ts';

/** What the loader gives to the scripts it loads. */
export interface Host {
  /** Where the collector lives; ends in a slash. */
  readonly base: string;
  readonly site: string;
  /** Language asked for on the script tag. */
  readonly lang: string | undefined;
  /** Address of the style sheet. */
  readonly style: string;
  /** What the visitor decided. */
  readonly state: () => State;
  /** Reads the cookie again. */
  readonly update: () => void;
  /** Loads a file of the collector, once. */
  readonly load: (url: string) => Promise<unknown>;
  /** Other tabs of the site; any message means: read the cookie again. */
  readonly channel: BroadcastChannel | undefined;
  readonly nonce: string;
  readonly trusted: TrustedPolicy;
  /** Says something in the console when data-debug is set. */
  readonly log: (...what: unknown[]) => void;
}

/** Running telemetry. */
export interface Telemetry {
  readonly event: (name: string, props: Props | undefined) => void;
  readonly stop: () => void;
}

/** The banner. */
export interface Banner {
  /** Shows the first layer, or the settings once something was decided. */
  readonly open: () => void;
  readonly close: () => void;
  readonly withdraw: () => void;
  /** Starts the waiting tags of the purposes granted. */
  readonly release: () => void;
}

/** The object. */
export interface Boot {
  /** Per site: the current edition and the older ones that still hold. */
  e: Record<string, readonly string[]>;
  /** Addresses, relative to the collector. */
  f: { banner: string; style: string; telemetry: string; vitals: string };
  /** Set by the banner script. */
  b?: (host: Host) => Banner;
  /** Set by the telemetry script. */
  t?: (granted: Granted, host: Host) => Telemetry;
  /** Set by the script that measures vitals. */
  v?: (report: (measures: Record<string, number>) => void, signal: AbortSignal) => void;
}

declare global {
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

/** The part of a Trusted Types policy that the loader uses; its values pass as strings. */
export interface TrustedPolicy {
  createScriptURL(text: string): string;
  createScript(text: string): string;
}
