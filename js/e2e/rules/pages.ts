/** The pages of the site under test. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ServerResponse } from 'node:http';
import { probe } from './probe.ts';
import type { Site } from './site.ts';

const stub = `(function(w){var k=w.kelisim=w.kelisim||{q:[]};['event','open','on','withdraw'].forEach(function(m){
k[m]=k[m]||function(){k.q.push([m].concat([].slice.call(arguments)))}})})(window);`;

/** The policy of the page /strict, as the rule has it, with a place for reports. */
export const strict = [
  "default-src 'none'",
  "script-src 'nonce-abc123' 'strict-dynamic'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "require-trusted-types-for 'script'",
  'report-uri /reports', // reports of report-to come a minute late
].join('; ');

const words = '<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.</p>';

const scripts: Record<string, () => string> = {
  '/probe.js': () => `(${probe.toString()})()`,
  '/waited.js': () => '(window.ran = window.ran || []).push("file")',
  '/axe.js': () => readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
  '/broken.js': () => 'setInterval(function () { throw new Error("of the page") }, 50); undefinedFunction();',
  '/signal.js': () => 'Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { configurable: true, get: function () { return true } });',
};

/**
 * Answers a page. /strict has the strict policy, /tags has waiting tags, /broken
 * has scripts that fail before and after ours, /prerender prerenders another, /consent-mode
 * has the adapter of that name. Of
 * the query, tag adds attributes to our script, src replaces its address, and lang
 * sets the page's language. A browser with the privacy signal gets a page that
 * says so, for engines that have no such setting.
 */
export function page(site: Site, url: URL, response: ServerResponse): void {
  const { pathname } = url;
  const script = scripts[pathname];
  if (script) return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(script());
  if (pathname === '/favicon.ico') return void response.writeHead(204).end();
  const headers: Record<string, string> = { 'content-type': 'text/html; charset=utf-8' };
  if (pathname === '/strict') headers['content-security-policy'] = strict;
  response.writeHead(200, headers).end(html(site, url));
}

function html(site: Site, { pathname, searchParams }: URL): string {
  const of = (name: string, otherwise: string): string => searchParams.get(name) ?? otherwise;
  const nonce = pathname === '/strict' ? ' nonce="abc123"' : '';
  const broken = pathname === '/broken' ? '<script src="/broken.js"></script>' : '';
  const adapter = pathname === '/consent-mode' ? '<script src="/kelisim/adapters/google.js"></script>' : '';
  const signal = site.gpc?.includes('1') ? `<script${nonce} src="/signal.js"></script>` : '';
  const bodies: Record<string, () => string> = { '/tags': () => tags(site), '/strict': waiting, '/prerender': prerender };
  return `<!doctype html><html lang="${of('lang', 'en')}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="/favicon.ico">
<script${nonce} src="/probe.js"></script>${signal}${broken}${adapter}
<script${nonce}>${stub}</script>
<script${nonce} async src="${of('src', '/kelisim/k.js')}" data-site="demo" ${of('tag', '')}></script>
</head><body><h1>Shop</h1><p><a id="first" href="/second">Second page</a></p>
${words.repeat(14)}${bodies[pathname]?.() ?? ''}
<p><a id="middle" href="/fourth">Fourth page</a></p>${words.repeat(14)}
<p><a id="last" href="/third">Third page</a></p>${broken}</body></html>`;
}

const waiting = (): string => `<script type="text/plain" data-kelisim="analytics" nonce="abc123">(window.ran = window.ran || []).push('inline')</script>
<script type="text/plain" data-kelisim="analytics" nonce="abc123" src="/waited.js"></script>`;

const prerender = (): string => '<script type="speculationrules">{"prerender":[{"urls":["/second"],"eagerness":"immediate"}]}</script>';

/** One tag of each kind for each purpose. */
function tags({ parties }: Site): string {
  return ['analytics', 'marketing']
    .map((purpose) => {
      const at = (name: string): string => `http://${purpose}.${parties}/${purpose}${name}`;
      return `<script type="text/plain" data-kelisim="${purpose}" src="${at('.js')}"></script>
<iframe data-kelisim="${purpose}" data-kelisim-src="${at('.html')}" title="${purpose}"></iframe>
<img data-kelisim="${purpose}" data-kelisim-src="${at('.svg')}" alt="">
<link data-kelisim="${purpose}" data-kelisim-href="${at('.css')}" rel="stylesheet">`;
    })
    .join('\n');
}
