/**
 * A small honest collector for browser tests: it serves the built files, asks in
 * three languages, keeps decisions by a token cookie, and writes down every
 * request. It speaks the wire of the real one; nothing behind the wire is here.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Decision } from '../contract/consent.ts';
import type { EventsCall, WireEvent } from '../contract/events.ts';
import type { Kept } from '../contract/services.ts';
import { asked, documentIn, firstLayerOf } from './texts.ts';
import { page } from './pages.ts';
import { once } from './shop.ts';

const day = 864e5;
const asset = (name: string): Buffer => readFileSync(new URL(`../../banner/assets/${name}`, import.meta.url));
const files: Record<string, [string, Buffer]> = Object.fromEntries(
  ['back.js', 'banner.css', 'banner.js', 'release.js', 'settings.css', 'settings.js', 'telemetry.js', 'vitals.js'].map((name) => [
    `a/0/${name}`,
    [name.endsWith('.js') ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8', asset(name)],
  ]),
);
for (const name of ['google.js', 'meta.js', 'microsoft.js', 'yandex.js']) files[`adapters/${name}`] = ['text/javascript; charset=utf-8', asset(`adapters/${name}`)];

/** One request as it arrived. */
export interface Seen {
  readonly method: string;
  readonly path: string;
}

/** One event as it arrived, with its session. */
export type SeenEvent = WireEvent & { readonly session: string };

/** The collector under test. */
export class Fixture {
  readonly seen: Seen[] = [];
  readonly decisions: Decision[] = [];
  readonly events: SeenEvent[] = [];
  readonly calls: EventsCall[] = [];
  /** What goes wrong: nothing, an error status, or no answer at all. */
  trouble: 'none' | number | 'cut' = 'none';
  /** Drop every event for this reason. */
  drop: string | undefined;
  edition = 'a1b2c3d4e5f60718';
  /** What the services of the site keep. */
  kept: Kept = { v: 1, reload: false, gpc: asked.filter(({ gpc }) => gpc).map(({ id }) => id), services: [] };
  /** The answer to a withdrawal asks the browser to clear the site's storage. */
  clears = false;
  /** The site's own place and colours of the banner. */
  look: { place?: string; style?: string } = {};
  /** Letters of the telemetry that analytics allows. */
  caps = 'peg';
  /** The language in which the loader brings the first layer along for who has not decided; without one it does not. */
  asks: string | undefined;
  /** What pages have in front of the loader. */
  head = '';
  #grants = new Map<string, string[]>();
  #server: Server | undefined;
  origin = '';

  async open(): Promise<this> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    this.origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((closed) => this.#server?.close(closed));
  }

  /** Requests that were not for a page. */
  get calledPaths(): string[] {
    return this.seen.filter(({ path }) => path.startsWith('/kelisim/')).map(({ path }) => path.replace(/\?.*/, ''));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    this.seen.push({ method: request.method ?? '', path: url.pathname + url.search });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (!url.pathname.startsWith('/kelisim/')) return page(url, response, this.head);
    const path = url.pathname.slice('/kelisim/'.length);
    if (path.startsWith('v1/') && this.trouble !== 'none') {
      if (this.trouble === 'cut') return void request.socket.destroy();
      return json(response, this.trouble, { error: { code: 'test', message: 'trouble' } });
    }
    const file = files[path];
    if (file) return send(response, 200, file[0], file[1], { 'cache-control': 'public, max-age=31536000, immutable' });
    switch (path) {
      case 'k.js':
        return send(response, 200, 'text/javascript; charset=utf-8', this.#loader(url, request));
      case 'v1/banner':
        if (url.searchParams.get('layer') === '0') return void response.writeHead(204).end();
        return json(response, 200, this.#document(url, this.#choices(request), request.headers['accept-language']));
      case 'v1/services':
        return json(response, 200, this.kept);
      case 'v1/consent':
        return this.#consent(request, JSON.parse(body) as Decision, response);
      case 'v1/events':
        return this.#take(request, JSON.parse(body) as EventsCall, response);
      default:
        return send(response, 404, 'text/plain', 'not found');
    }
  }

  /** What is asked; of the first layer alone where no more is asked for. */
  #document(url: URL, choices: Record<string, boolean> | null, browser = ''): unknown {
    const whole = documentIn(`${url.searchParams.get('lang')},${browser}`, this.edition, choices);
    return { ...(choices || url.searchParams.get('layer') !== '1' ? whole : firstLayerOf(whole)), ...this.look };
  }

  #loader(url: URL, request: IncomingMessage): string {
    const boot = { e: { shop: [this.edition] }, h: '0' };
    if (this.asks === undefined || request.headers.cookie?.includes('kelisim-state=')) return once(boot, asset('k.js'));
    const asked = new URL(`?layer=1&lang=${this.asks}`, url);
    return once({ ...boot, d: { shop: this.#document(asked, null) } }, asset('asking.js'));
  }

  #token(request: IncomingMessage): string | undefined {
    return /(?:^|; )kelisim=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  }

  #choices(request: IncomingMessage): Record<string, boolean> | null {
    const token = this.#token(request);
    const granted = token && this.#grants.get(token);
    if (granted) return Object.fromEntries(asked.map(({ id }) => [id, granted.includes(id)]));
    return request.headers.cookie?.includes('kelisim-state=') ? Object.fromEntries(asked.map(({ id }) => [id, false])) : null;
  }

  #consent(request: IncomingMessage, decision: Decision, response: ServerResponse): void {
    this.decisions.push(decision);
    const old = this.#token(request);
    const live = old !== undefined && this.#grants.delete(old);
    const { action, choices = {}, gpc } = decision;
    const granted = asked
      .filter((item) => (action === 'accept_all' && !(gpc && item.gpc)) || (action === 'custom' && choices[item.id]))
      .map(({ id }) => id);
    const now = Math.floor(Date.now() / day);
    const state = granted[0] ? 'g' : live || action === 'withdraw' ? 'w' : 'r';
    const caps = granted.includes('analytics') ? this.caps : '';
    const marker = `1.${this.edition}.${granted.join('+')}.${caps}.${now + 180}.${gpc ? 1 : 0}.${state}`;
    const token = randomBytes(16).toString('hex');
    if (granted[0]) this.#grants.set(token, granted);
    const kept = `Path=/; SameSite=Lax; Max-Age=${180 * 86400}`;
    response.setHeader('set-cookie', [
      `kelisim-state=${marker}; ${kept}`,
      granted[0] ? `kelisim=${token}; HttpOnly; ${kept}` : 'kelisim=; HttpOnly; Path=/; Max-Age=0',
    ]);
    if (state === 'w' && this.clears) response.setHeader('clear-site-data', '"cache", "storage"');
    const names = { g: live ? 'RenewedConsentGiven' : 'ConsentGiven', r: 'ConsentRefused', w: 'ConsentWithdrawn' };
    json(response, 201, { state: names[state], purposes: granted, expires_at: new Date((now + 180) * day).toISOString() });
  }

  #take(request: IncomingMessage, call: EventsCall, response: ServerResponse): void {
    this.calls.push(call);
    const token = this.#token(request);
    const reason = this.drop ?? (token && this.#grants.has(token) ? undefined : 'no_consent');
    if (reason) return json(response, 202, { accepted: 0, dropped: { [reason]: call.events.length } });
    this.events.push(...call.events.map((event) => ({ ...event, session: call.session.id })));
    json(response, 202, { accepted: call.events.length, dropped: {} });
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', JSON.stringify(body), { 'cache-control': 'no-store' });
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': type, ...headers }).end(body);
}
