/** The pages of the fixture site. */

import type { ServerResponse } from 'node:http';

const stub = `(function(w){var k=w.kelisim=w.kelisim||{q:[]};['event','open','on','withdraw'].forEach(function(m){
k[m]=k[m]||function(){k.q.push([m].concat([].slice.call(arguments)))}})})(window);`;

const strict = [
  "default-src 'none'",
  "script-src 'nonce-abc123' 'strict-dynamic'",
  "style-src 'self'",
  "connect-src 'self'",
  "require-trusted-types-for 'script'",
  'trusted-types kelisim',
].join('; ');

const paragraph = '<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.</p>';

/**
 * Answers a page. Of the path, /strict has a strict policy, /hostile has styles
 * that fight with ours, /waiting has tags that wait; of the query, tag adds
 * attributes to our script and lang sets the page's language.
 */
export function page(url: URL, response: ServerResponse, head = ''): void {
  if (url.pathname === '/favicon.ico') {
    response.writeHead(204).end();
    return;
  }
  if (url.pathname === '/hostile.css') {
    response.writeHead(200, { 'content-type': 'text/css' }).end(hostile);
    return;
  }
  const nonce = url.pathname === '/strict' ? ' nonce="abc123"' : '';
  const lang = url.searchParams.get('lang') ?? '';
  const html = `<!doctype html><html${lang && ` lang="${lang}"`}><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
${url.pathname === '/hostile' ? '<link rel="stylesheet" href="/hostile.css">' : ''}
${head}<script${nonce}>${stub}</script>
<script${nonce} async src="/kelisim/k.js" data-site="shop" ${url.searchParams.get('tag') ?? ''}></script>
</head><body><h1>Shop</h1><p><a id="first" href="/second">Second page</a></p>
${paragraph.repeat(12)}
${url.pathname === '/waiting' ? waiting : ''}
<p><a id="last" href="/third">Third page</a></p></body></html>`;
  const headers: Record<string, string> = { 'content-type': 'text/html; charset=utf-8' };
  if (url.pathname === '/strict') headers['content-security-policy'] = strict;
  response.writeHead(200, headers).end(html);
}

const waiting = `<script type="text/plain" data-kelisim="analytics">window.ranAnalytics=(window.ranAnalytics||0)+1</script>
<script type="text/plain" data-kelisim="marketing">window.ranMarketing=(window.ranMarketing||0)+1</script>
<iframe data-kelisim="marketing" data-kelisim-src="about:blank?marketing"></iframe>`;

const hostile = `* { letter-spacing: 4px; text-transform: uppercase; font-family: serif; }
button { background: red !important; } div { float: left; width: 50%; } p { font-size: 40px; } input { display: none; }
*, *::before, *::after { color: #bbb !important; opacity: .3 !important; margin: 9px !important; letter-spacing: 3px !important; animation: none !important; }
*::before { content: "!" !important; } html body div#kelisim.k-card, html body #kelisim, html body #kelisim * { background: #ccc !important; font-size: 9px !important; }
html body button:first-child, html body #kelisim button[data-kelisim-action="refuse-all"] { font-size: 8px !important; padding: 0 !important; min-height: 0 !important; height: 12px !important; font-weight: 100 !important; }
html body div, html body dialog { position: static !important; width: 90px !important; visibility: hidden !important; display: block !important; z-index: -1 !important; transform: scale(.5) !important; }
html body dialog { display: none !important; } html body :focus-visible { outline: none !important; }`;
