/** The answer of GET v1/services: what the services of a site keep in a browser. */

/** Where something can be kept. */
export type Place = 'cookies' | 'local_storage' | 'session_storage' | 'indexed_db' | 'caches' | 'service_workers';

/** What one service keeps: names, exactly or with one * at the end. */
export type KeptService = { readonly purpose: string } & { readonly [place in Place]?: readonly string[] };

/** The answer. */
export interface Kept {
  readonly v: 1;
  /** The page is loaded anew when something was taken back in it. */
  readonly reload: boolean;
  /** Ids of the items that a Global Privacy Control signal lowers. */
  readonly gpc: readonly string[];
  readonly services: readonly KeptService[];
}

/** The answer, or undefined when it is not one this code understands. */
export function readKept(value: unknown): Kept | undefined {
  const { v, gpc, services } = (value ?? {}) as Partial<Kept>;
  return v === 1 && Array.isArray(gpc) && Array.isArray(services) ? (value as Kept) : undefined;
}
