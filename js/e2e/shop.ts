/**
 * A site whose pages hold tags that wait, and a third party that writes down what
 * is asked of it. The site is "localhost", the third party "127.0.0.1".
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import type { Kept } from '../contract/services.ts';
import { documentIn } from './texts.ts';

const asset = (name: string): Buffer => readFileSync(new URL(`../../banner/assets/${name}`, import.meta.url));
const types: Record<string, string> = { js: 'text/javascript', css: 'text/css', html: 'text/html', gif: 'image/gif' };
const gif = Buffer.from('R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==', 'base64');

const integrity = (): Record<string, string> =>
  Object.fromEntries(['back', 'banner', 'release'].map((name) => [name, `sha384-${createHash('sha384').update(asset(`${name}.js`)).digest('base64')}`]));

/** A loader behind what it needs to know, as the collector writes it. */
export const once = (boot: object, loader: Buffer): string => `self.kelisimBoot||(kelisimBoot=${JSON.stringify(boot)},${loader.toString().replace(/;\n$/, '')})\n`;

/** The edition that is in force. */
export const edition = 'a1b2c3d4e5f60718';

/** The two servers. */
export class Shop {
  /** What the page holds in its body; {third} is the third party. */
  body = '';
  head = '';
  /** Attributes of our script. */
  tag = '';
  lang = '';
  headers: Record<string, string> = {};
  /** The loader is the one that checks what it loads. */
  pinned = false;
  /** The page brings our script itself. */
  plain = false;
  kept: Kept = { v: 1, reload: false, gpc: ['marketing', 'third_party'], services: [] };
  /** The collector does not answer. */
  away = false;
  /** Paths asked of the third party, in order, without the query. */
  readonly third: string[] = [];
  /** Paths asked of the collector, but for the script itself. */
  readonly calls: string[] = [];
  /** Pages shown. */
  pages = 0;
  origin = '';
  thirdOrigin = '';
  #servers: Server[] = [];

  async open(): Promise<this> {
    const listen = async (answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> => {
      const server = createServer(answer);
      this.#servers.push(server);
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      return (server.address() as AddressInfo).port;
    };
    this.origin = `http://localhost:${await listen((request, response) => this.#site(new URL(request.url!, 'http://x').pathname, response))}`;
    this.thirdOrigin = `http://127.0.0.1:${await listen((request, response) => this.#thirdParty(new URL(request.url!, 'http://x'), response))}`;
    return this;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }

  #site(path: string, response: ServerResponse): void {
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    if (path === '/worker.js') return void response.writeHead(200, { 'content-type': 'text/javascript' }).end('');
    if (!path.startsWith('/kelisim/')) {
      this.pages++;
      const nonce = this.headers['content-security-policy']?.includes('nonce-abc123') ? ' nonce="abc123"' : '';
      const html = `<!doctype html><html${this.lang && ` lang="${this.lang}"`}><head><meta charset="utf-8"><title>Shop</title>${this.head}
<script${nonce}>window.ran=[];window.faults=[];addEventListener('error',(e)=>e.message&&faults.push(e.message))</script>${this.plain ? '' : `<script${nonce} async src="/kelisim/k.js" data-site="shop" data-auto="false" ${this.tag}></script>`}
</head><body><h1>Shop</h1>${this.body.replaceAll('{third}', this.thirdOrigin)}</body></html>`;
      return void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...this.headers }).end(html);
    }
    if (path === '/kelisim/k.js') {
      const boot = { e: { shop: [edition] }, h: '0', ...(this.pinned && { i: integrity() }) };
      const script = once(boot, asset(this.pinned ? 'pinned.js' : 'k.js'));
      return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    }
    this.calls.push(path.replace('/kelisim/', ''));
    const file = /^\/kelisim\/a\/0\/(\w+\.(js|css))$/.exec(path);
    if (file) return void response.writeHead(200, { 'content-type': types[file[2]!]! }).end(asset(file[1]!));
    if (this.away) return void response.destroy();
    const answer = path === '/kelisim/v1/services' ? this.kept : path === '/kelisim/v1/banner' ? documentIn('en', edition, null) : undefined;
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #thirdParty({ pathname, searchParams }: URL, response: ServerResponse): void {
    this.third.push(pathname);
    const [, name = '', kind = ''] = /^\/(.*)\.(\w+)$/.exec(pathname) ?? [];
    const bodies: Record<string, string | Buffer> = {
      js: `window.ran.push('${name}')`,
      css: `body { --${name}: 1 }`,
      html: `<!doctype html><title>${name}</title><p>${name}</p>`,
      gif,
    };
    const headers = { 'content-type': types[kind] ?? 'text/plain', 'cache-control': 'no-store', 'access-control-allow-origin': '*' };
    setTimeout(() => response.writeHead(200, headers).end(bodies[kind] ?? ''), Number(searchParams.get('wait') ?? 0));
  }
}

/** The state cookie of a decision. */
export const marker = (purposes: readonly string[], status = purposes.length > 0 ? 'g' : 'w', gpc = 0): string =>
  `1.${edition}.${purposes.join('+')}..${Math.floor(Date.now() / 864e5) + 100}.${gpc}.${status}`;

/** The name of the state cookie of a site in mode path. */
export const stateCookie = (at: string): string => (at.startsWith('https:') ? '__Host-kelisim-state' : 'kelisim-state');

/** The visitor decides: the cookie is what the collector would set, and the page looks at it. */
export async function decide(page: Page, purposes: readonly string[], status?: string, gpc = 0): Promise<void> {
  const set = `${stateCookie(page.url())}=${marker(purposes, status, gpc)}; Path=/; SameSite=Lax; Max-Age=86400`;
  await page.evaluate((cookie) => {
    document.cookie = location.protocol === 'https:' ? `${cookie}; Secure` : cookie;
    document.dispatchEvent(new Event('visibilitychange'));
  }, set);
}

/** Which scripts ran, in order. */
export const ran = (page: Page): Promise<string[]> => page.evaluate(() => (window as never as { ran: string[] }).ran);
