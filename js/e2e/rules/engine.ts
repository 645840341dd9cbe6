/**
 * What a browser must be able to do for the rules. Each rule is written once
 * against this; three drivers stand behind it.
 */

/** The engines, in the order of the table. */
export const engines = ['chromium', 'firefox', 'webkit'] as const;
export type EngineName = (typeof engines)[number];

/** What only some drivers can do. A rule that needs one is shown as not run where it is missing. */
export type Ability =
  /** Colour schemes, forced colours, reduced motion, chosen by the test. */
  | 'media'
  /** Pages that are rendered before they are visited. */
  | 'prerender'
  /** A browser with JavaScript switched off. */
  | 'noscript';

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly httpOnly: boolean;
}

/** What a visitor's browser looks like. */
export interface Setting {
  readonly javaScript?: boolean;
  readonly media?: { readonly colorScheme?: 'light' | 'dark'; readonly forcedColors?: 'active'; readonly reducedMotion?: 'reduce' };
}

/** A page of a visitor. */
export interface Tab {
  /** Goes to an address and waits until it has loaded. */
  go(url: string): Promise<void>;
  back(): Promise<void>;
  /** Runs a function in the page; it may be asynchronous; what it takes and gives is JSON. */
  run<T, A extends readonly unknown[]>(what: (...args: A) => T, ...args: A): Promise<Awaited<T>>;
  /** Clicks the middle of the first visible element of a selector with a pointer, as soon as there is one. */
  click(selector: string): Promise<void>;
  /** Presses and releases one key: Tab, Shift+Tab, Enter, Escape, Space. */
  press(key: Key): Promise<void>;
  /** Sets the size of the window's content. */
  size(width: number, height: number): Promise<void>;
  /** Is gone at once, whatever the page is doing. */
  close(): Promise<void>;
}

export type Key = 'Tab' | 'Shift+Tab' | 'Enter' | 'Escape' | 'Space';

/** A visitor: a fresh profile. */
export interface Visitor {
  tab(): Promise<Tab>;
  /** Every cookie of the site that this page is of, those that scripts cannot read too. */
  cookies(tab: Tab): Promise<Cookie[]>;
  close(): Promise<void>;
}

/** A browser. */
export interface Engine {
  readonly name: EngineName;
  /** As the browser gives it. */
  readonly version: string;
  readonly abilities: ReadonlySet<Ability>;
  visitor(setting?: Setting): Promise<Visitor>;
  close(): Promise<void>;
}

/** Marks the first visible element of a selector in the page, so that a driver finds it. */
export function visible(selector: string): Element | null {
  return [...document.querySelectorAll(selector)].find((element) => element.getClientRects().length > 0) ?? null;
}
