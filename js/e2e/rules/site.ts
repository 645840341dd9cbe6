/**
 * A site in front of the real collector, and the rest of the world beside it. All
 * engines are set to use `world` as their proxy for every host but localhost, so
 * that what a browser asks for is known without the help of the browser.
 */

import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { page } from './pages.ts';

/** A request as it arrived, and how it was answered. */
export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body: string;
  status: number;
  cookies: readonly string[];
  answer: string;
}

/** What goes wrong with a request: it is cut off, answered by an error, or its answer has one byte changed. */
export type Fault = 'cut' | 'flip' | number | undefined;

async function listen(server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return (server.address() as AddressInfo).port;
}

async function shut(server: Server | undefined): Promise<void> {
  server?.closeAllConnections();
  await new Promise((closed) => server?.close(closed) ?? closed(undefined));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The site of one test. */
export class Site {
  readonly asked: Asked[] = [];
  /** Bodies of reports of violations of the page's policy. */
  readonly reports: string[] = [];
  fault: (path: string) => Fault = () => undefined;
  /** Requests say from which page they come; without that the loader brings no first layer along. */
  referrers = true;
  /** Values of the header Sec-GPC that requests get on their way, as a browser with the signal sends them. */
  gpc: string[] | undefined;
  origin = '';
  /** Where third parties of this site live. */
  parties = '';
  #server: Server | undefined;

  constructor(readonly behind: { readonly collector: string; readonly demo: string }) {}

  async open(): Promise<this> {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    const port = await listen(this.#server);
    this.origin = `http://localhost:${port}`;
    this.parties = `s${port}.example`;
    return this;
  }

  close(): Promise<void> {
    return shut(this.#server);
  }

  /** Paths asked of the collector, without query and hashes. */
  paths(): string[] {
    return this.asked.filter(({ path }) => path.startsWith('/kelisim/')).map(({ path }) => path.replace(/\?.*/, '').replace(/(?<=[/.])[0-9a-f]{8,}[/.]/, ''));
  }

  /** Calls of one kind to the collector. */
  calls(name: string, method = 'POST'): Asked[] {
    return this.asked.filter((one) => one.method === method && one.path.replace(/\?.*/, '') === `/kelisim/v1/${name}`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    const body = await bodyOf(request);
    const seen: Asked = { method: request.method ?? '', path, body: body.toString(), status: 0, cookies: [], answer: '' };
    this.asked.push(seen);
    if (path === '/reports') {
      this.reports.push(seen.body);
      return void response.writeHead(204).end();
    }
    const fault = this.fault(path);
    if (fault === 'cut') return void request.socket.destroy();
    if (typeof fault === 'number') return void response.writeHead(fault).end();
    const target = this.#target(path);
    if (!target) return page(this, new URL(path, this.origin), response);
    return this.#pass(target, request, seen, body, response, fault === 'flip');
  }

  /** Where a path that is not one of our own pages is handed to: the collector, or the demo's English page as /demo/. */
  #target(path: string): string | undefined {
    const { collector, demo } = this.behind;
    if (path.startsWith('/kelisim/')) return collector + path.slice('/kelisim'.length);
    if (path.startsWith('/.well-known/gpc')) return collector + path;
    if (path === '/demo/') return `${demo}/en/`;
    return /^\/demo\.(css|js)/.test(path) ? demo + path : undefined;
  }

  /** Hands a request on, as a reverse proxy does. */
  #pass(target: string, request: IncomingMessage, seen: Asked, body: Buffer, response: ServerResponse, flip: boolean): Promise<void> {
    const headers: Record<string, string | string[] | undefined> = { ...request.headers, 'x-forwarded-for': '198.51.100.7' };
    delete headers['sec-gpc'];
    if (!this.referrers) delete headers['referer'];
    if (this.gpc) headers['sec-gpc'] = this.gpc;
    if (flip) delete headers['accept-encoding'];
    return new Promise((done, failed) => {
      const passed = forward(target, { method: request.method, headers }, (answer) => {
        void bodyOf(answer).then((found) => {
          if (flip && found.length > 0) found[found.length >> 1] = found[found.length >> 1]! ^ 1;
          seen.status = answer.statusCode ?? 0;
          seen.cookies = answer.headers['set-cookie'] ?? [];
          seen.answer = answer.headers['content-encoding'] ? '' : found.toString();
          response.writeHead(seen.status, answer.rawHeaders);
          response.end(found);
          done();
        }, failed);
      });
      passed.on('error', failed);
      passed.end(body);
    });
  }
}

/** Every host but localhost. */
export class World {
  /** Addresses that were asked for. */
  readonly asked: string[] = [];
  port = 0;
  #server: Server | undefined;

  async open(): Promise<this> {
    const server = createServer((request, response) => {
      const url = request.url ?? '';
      this.asked.push(url);
      if (!url.includes('.example/')) return void response.writeHead(502).end();
      const [type, content] = thirdParty(new URL(url));
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(content);
    });
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      this.asked.push(`https://${request.url ?? ''}`);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    this.#server = server;
    this.port = await listen(server);
    return this;
  }

  close(): Promise<void> {
    return shut(this.#server);
  }

  /** What was asked of the third parties of a site, by name. */
  of(site: Site): string[] {
    return this.asked.filter((url) => new URL(url).hostname.endsWith(site.parties)).map((url) => url.replace(/^.*\//, '')).sort();
  }

  /** Hosts asked for that are neither a third party of some site nor the browser's own business. */
  strangers(): string[] {
    const own = /\.example$|(^|\.)(mozilla\.(org|com|net)|firefox\.com|mozgcp\.net|google(apis)?\.com|gvt1\.com|gstatic\.com|googleusercontent\.com|chromium\.org)$/;
    return [...new Set(this.asked.map((url) => new URL(url).hostname))].filter((host) => !own.test(host));
  }
}

/** What a third party serves under a name. */
function thirdParty({ pathname }: URL): [string, string] {
  if (pathname.endsWith('.js')) return ['text/javascript', `(window.ran = window.ran || []).push(${JSON.stringify(pathname.slice(1))})`];
  if (pathname.endsWith('.css')) return ['text/css', 'h1 { font-style: italic }'];
  if (pathname.endsWith('.svg')) return ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'];
  return ['text/html', '<!doctype html><title>frame</title>'];
}
