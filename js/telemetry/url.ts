/** What of an address leaves the browser. */

// The named campaign keys with their values; of clicks on advertisements only that there was one.
const query =
  /[?&](?:(utm_(?:source|medium|campaign|content|term)=[^&]+)|(\w{1,3}clk?id|[gw]braid|rb_clickid|li_fat_id|rdt_cid|[Ss]c[Cc]id|tblci|dicbo|igsh(?:id)?|epik|srsltid|mc_[ec]id|_hsenc|mkt_tok)=[^&]|)[^&]*/g;

/** Origin, path and the named campaign keys; everything else of the query, and the fragment, is cut off. */
export function cleanUrl({ origin, pathname, search }: { origin: string; pathname: string; search: string }): string {
  const kept = search.replace(query, (_, campaign?: string, click?: string) => campaign ? `&${campaign}` : click ? `&${click}=1` : '');
  return origin + pathname + kept.replace('&', '?');
}

/** The origin of the page that led here, or undefined. */
export function cleanReferrer(referrer: string): string | undefined {
  return /^(https?|android-app):\/\/[^/?#]+/.exec(referrer)?.[0];
}
