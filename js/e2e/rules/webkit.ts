/** WebKitGTK's MiniBrowser, by WebKitWebDriver: plain W3C WebDriver over fetch, on a screen and a bus of its own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { visible, type Cookie, type Engine, type Key, type Setting, type Tab, type Visitor } from './engine.ts';
import { pause, until } from './until.ts';

const elementKey = 'element-6066-11e4-a52e-4f735466cecf';

/** Where Debian has the browser that the driver drives. */
function miniBrowser(): string {
  for (const root of ['/usr/lib', ...readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`)]) {
    for (const version of ['4.1', '4.0', '6.0']) {
      const path = `${root}/webkit2gtk-${version}/MiniBrowser`;
      if (existsSync(path)) return path;
    }
  }
  throw new Error('no WebKit: install the package "webkit2gtk-driver"');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A command of the protocol; an error of the browser is an error here. @param patience milliseconds */
async function send<T>(method: string, url: string, body?: unknown, patience = 20_000): Promise<T> {
  const what = `webkit: ${method} ${url.replace(/^.*\/session\/[^/]*/, '')}`;
  const signal = AbortSignal.timeout(patience);
  const answer = await fetch(url, body === undefined ? { method, signal } : { method, signal, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }).catch(
    (error: unknown) => {
      throw new Error(`${what} ${JSON.stringify(body)?.slice(0, 200) ?? ''}: no answer`, { cause: error });
    },
  );
  const { value } = (await answer.json()) as { value: T & { error?: string; message?: string } };
  if (!answer.ok) throw new Error(`${what}: ${value.error}: ${value.message}`);
  return value;
}

interface Session {
  readonly sessionId: string;
  readonly capabilities: { readonly browserVersion: string };
}

/** Starts the driver; each visitor is a browser of its own. */
export async function startWebKit(proxy: number): Promise<Engine> {
  const binary = miniBrowser();
  const port = await freePort();
  // A group of its own, so that screen, bus, driver and browser end together.
  const driver = spawn('xvfb-run', ['-a', '-s', '-screen 0 1400x1000x24', 'dbus-run-session', '--', 'WebKitWebDriver', `--port=${port}`, '--host=127.0.0.1'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1', LANGUAGE: 'en_GB', NO_AT_BRIDGE: '1' },
  });
  const base = `http://127.0.0.1:${port}`;
  await until('the driver of WebKit answers', () => fetch(`${base}/status`).then(({ ok }) => ok, () => false), 30_000);
  const ask = (args: readonly string[]): Promise<Session> =>
    send('POST', `${base}/session`, {
      capabilities: {
        alwaysMatch: {
          timeouts: { script: 10_000, pageLoad: 15_000 },
          proxy: { proxyType: 'manual', httpProxy: `127.0.0.1:${proxy}`, sslProxy: `127.0.0.1:${proxy}`, noProxy: ['localhost', '127.0.0.1'] },
          'webkitgtk:browserOptions': { binary, args: ['--automation', ...args] },
        },
      },
    }, 8000);
  // A new browser now and then does not report to the driver; the next one does.
  const open = async (args: readonly string[]): Promise<Session> => {
    for (let i = 0; i < 3; i++) {
      try {
        return await ask(args);
      } catch {
        await pause(500);
      }
    }
    return ask(args);
  };
  const first = await open([]);
  await send('DELETE', `${base}/session/${first.sessionId}`);
  return {
    name: 'webkit',
    version: first.capabilities.browserVersion,
    abilities: new Set(['noscript']),
    async visitor({ javaScript = true }: Setting = {}) {
      const { sessionId } = await open(javaScript ? [] : ['--enable-javascript=false']);
      return visitor(`${base}/session/${sessionId}`);
    },
    close: async () => end(driver),
  };
}

async function end(driver: ChildProcess): Promise<void> {
  const gone = new Promise((exit) => driver.once('exit', exit));
  if (driver.pid) process.kill(-driver.pid, 'SIGTERM');
  await Promise.race([gone, pause(5000)]);
}

function visitor(session: string): Visitor {
  let fresh = true;
  let turn = Promise.resolve();
  return {
    async tab() {
      let handle = await send<string>('GET', `${session}/window`);
      if (!fresh) ({ handle } = await send<{ handle: string }>('POST', `${session}/window/new`, { type: 'tab' }));
      fresh = false;
      return tab(session, (act) => {
        // One window has the driver's attention at a time.
        const done = turn.then(async () => {
          await send('POST', `${session}/window`, { handle });
          return act();
        });
        turn = done.then(() => undefined, () => undefined);
        return done;
      });
    },
    async cookies(tab) {
      await tab.run(() => 0); // the driver turns to this window
      return send<Cookie[]>('GET', `${session}/cookie`);
    },
    close: () => send('DELETE', session),
  };
}

const codes: Record<Exclude<Key, 'Shift+Tab'>, string> = { Tab: '\uE004', Enter: '\uE007', Escape: '\uE00C', Space: ' ' };
const shift = '\uE008';

/** Finds what is to be clicked, and brings it into view as a person would: the driver does not scroll inside a dialog. */
const look = `const found = (${visible.toString()})(arguments[0]); found?.scrollIntoView({ block: 'center' }); return found`;

function tab(session: string, inTurn: <T>(act: () => Promise<T>) => Promise<T>): Tab {
  const keys = (actions: unknown[]): Promise<unknown> => send('POST', `${session}/actions`, { actions: [{ type: 'key', id: 'keyboard', actions }] });
  const post = (path: string, body: unknown): Promise<unknown> => inTurn(() => send('POST', session + path, body));
  return {
    go: async (url) => void (await post('/url', { url })),
    back: async () => void (await post('/back', {})),
    async run(what, ...args) {
      const script = `const done = arguments[arguments.length - 1];
        Promise.resolve().then(() => (${what.toString()})(...arguments[0])).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const { value, error } = await inTurn(() => send<{ value: never; error?: string }>('POST', `${session}/execute/async`, { script, args: [args] }));
      if (error) throw new Error(error);
      return value;
    },
    async click(selector) {
      // An element that still moves, or is covered yet, is tried again.
      await until(`${selector} is clicked`, () =>
        inTurn(async () => {
          const found = await send<Record<string, string> | null>('POST', `${session}/execute/sync`, { script: look, args: [selector] });
          if (found) await send('POST', `${session}/element/${found[elementKey]}/click`, {});
          return found !== null;
        }),
      );
    },
    async press(key) {
      const one = (code: string): unknown[] => [{ type: 'keyDown', value: code }, { type: 'keyUp', value: code }];
      const list = key === 'Shift+Tab' ? [{ type: 'keyDown', value: shift }, ...one(codes.Tab), { type: 'keyUp', value: shift }] : one(codes[key]);
      await inTurn(() => keys(list));
    },
    async size(width, height) {
      // The window has a frame: what is asked for is grown by what is missing.
      await post('/window/rect', { width, height });
      const inner = await this.run(() => [innerWidth, innerHeight] as const);
      await post('/window/rect', { width: width + (width - inner[0]), height: height + (height - inner[1]) });
    },
    close: () => inTurn(async () => void (await send('DELETE', `${session}/window`))),
  };
}
