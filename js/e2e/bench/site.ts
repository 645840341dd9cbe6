/** One page with two banners to choose from, and the real collector of the demo behind it. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const words = '<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.</p>';

const heads: Record<string, string> = {
  kelisim: '<script async src="/kelisim/k.js" data-site="demo"></script>',
  rival: '<link rel="stylesheet" href="/rival.css"><script defer src="/rival.js"></script>',
};

/** What is measured, with a way to end it. */
export interface Place {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** Builds and starts the program's demo; the answer is where its site is. */
async function startDemo(dir: string): Promise<Place> {
  const binary = join(dir, 'kelisim');
  const built = spawnSync('go', ['build', '-o', binary, './cmd/kelisim'], { cwd: root, env: { ...process.env, CGO_ENABLED: '0' }, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the program does not build');
  // The program takes no setting that it does not know, as those of the tests are.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KELISIM_') || name === 'KELISIM_CHDB_LIB'));
  const any = '127.0.0.1:0';
  const demo = spawn(binary, ['demo', '--site-listen', any, '--listen', any, '--admin-listen', any, '--data-dir', join(dir, 'data'), '--rate-limit', '0'], { cwd: root, env });
  let said = '';
  demo.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
  const origin = await new Promise<string>((ready, failed) => {
    demo.stdout.on('data', (chunk: Buffer) => {
      said += String(chunk);
      if (/^ready$/m.test(said)) ready(/^site: (.*)\/$/m.exec(said)![1]!);
    });
    demo.once('exit', () => failed(new Error(`the demo ended: ${said}`)));
  });
  const close = (): Promise<void> =>
    new Promise((gone) => {
      demo.once('exit', () => gone());
      demo.kill('SIGTERM');
    });
  return { origin, close };
}

/** Starts everything. */
export async function open(): Promise<Place> {
  const dir = mkdtempSync(join(tmpdir(), 'kelisim-bench-'));
  const demo = await startDemo(dir);
  const bundle = await build({ entryPoints: [fileURLToPath(new URL('rival.ts', import.meta.url))], bundle: true, minify: true, format: 'iife', target: 'es2020', write: false });
  const files: Record<string, [string, Buffer]> = {
    '/rival.js': ['text/javascript', squeeze(bundle.outputFiles[0]!.contents)],
    '/rival.css': ['text/css', squeeze(readFileSync(new URL('../../node_modules/vanilla-cookieconsent/dist/cookieconsent.css', import.meta.url)))],
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const file = files[path];
    if (file) return send(response, file[0], file[1]);
    if (!path.startsWith('/kelisim/')) return send(response, 'text/html; charset=utf-8', squeeze(Buffer.from(page(path))));
    const passed = forward(demo.origin + path, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    await demo.close();
    rmSync(dir, { recursive: true, force: true });
  };
  return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, close };
}

function squeeze(content: Uint8Array): Buffer {
  return brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
}

function send(response: ServerResponse, type: string, content: Buffer): void {
  response.writeHead(200, { 'content-type': type, 'content-encoding': 'br', 'cache-control': 'public, max-age=31536000' }).end(content);
}

function page(path: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width,initial-scale=1">${heads[path.slice(1)] ?? ''}</head>
<body><h1>Shop</h1>${words.repeat(40)}</body></html>`;
}
