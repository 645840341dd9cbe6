/** What of an address leaves the browser. */

const campaign = /^utm_(source|medium|campaign|content|term)$/;
const click = /^(\w{1,3}clk?id|[gw]braid|rb_clickid|li_fat_id|rdt_cid|sccid|tblci|dicbo|igsh(id)?|epik|srsltid|mc_[ec]id|_hsenc|mkt_tok)$/i; // ids of clicks on advertisements: only that there was one

/** Origin, path and the named campaign keys; everything else of the query, and the fragment, is cut off. */
export function cleanUrl({ origin, pathname, search }: { origin: string; pathname: string; search: string }): string {
  const kept: string[] = [];
  new URLSearchParams(search).forEach((value, key) => {
    if (!value) return;
    if (campaign.test(key)) kept.push(`${key}=${encodeURIComponent(value)}`);
    if (click.test(key)) kept.push(`${key}=1`);
  });
  return origin + pathname + (kept[0] ? `?${kept.join('&')}` : '');
}

/** The origin of the page that led here, or undefined. */
export function cleanReferrer(referrer: string): string | undefined {
  return /^(https?|android-app):\/\/[^/?#]+/.exec(referrer)?.[0];
}
