/** What of an address leaves the browser. */

const campaign = ['utm_source', 'utm_medium', 'utm_campaign'];

/** Origin, path and the named campaign keys; everything else of the query, and the fragment, is cut off. */
export function cleanUrl({ origin, pathname, search }: { origin: string; pathname: string; search: string }): string {
  const given = new URLSearchParams(search);
  const kept = campaign.flatMap((key) => (given.get(key) ? `${key}=${encodeURIComponent(given.get(key)!)}` : []));
  return origin + pathname + (kept[0] ? `?${kept.join('&')}` : '');
}

/** The origin of another site that led here, or undefined. */
export function cleanReferrer(referrer: string, own: string): string | undefined {
  const origin = /^https?:\/\/[^/?#]+/.exec(referrer)?.[0];
  return origin === own ? undefined : origin;
}
