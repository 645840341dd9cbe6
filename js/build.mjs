// Builds the browser files that the collector serves: node build.mjs
// With --check nothing is written: it fails when a committed file is not what
// the sources give, or when the files are heavier than promised.
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { harden, soft } from './harden.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = new URL('../banner/assets/', import.meta.url);
const files = {
  'k.js': 'banner/loader.ts',
  'pinned.js': 'banner/loader.ts',
  'back.js': 'banner/back.ts',
  'banner.js': 'banner/index.ts',
  'banner.css': 'banner/banner.css',
  'asking.js': 'banner/asking.ts', // with banner.css in it
  'settings.js': 'banner/settings.ts',
  'settings.css': 'banner/settings.css',
  'release.js': 'release/index.ts',
  'telemetry.js': 'telemetry/index.ts',
  'vitals.js': 'telemetry/vitals.ts',
  'adapters/google.js': 'adapters/google.ts',
  'adapters/meta.js': 'adapters/meta.ts',
  'adapters/microsoft.js': 'adapters/microsoft.ts',
  'adapters/yandex.js': 'adapters/yandex.ts',
  // In mode cross-origin instead of the files without the prefix.
  'own-banner.js': 'banner/index.ts',
  'own-telemetry.js': 'telemetry/index.ts',
};
// What a page may have to load, brotli bytes.
const budgets = [
  { of: ['k.js'], most: 976 },
  { of: ['banner.js', 'banner.css'], most: 4450 },
  { of: ['asking.js'], most: 5420 },
  { of: ['telemetry.js'], most: 1728 },
  { of: ['release.js'], most: 3328 },
  { of: ['vitals.js'], most: 3328 },
];
const hardened = {
  name: 'hardened',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.css$/ }, async ({ path }) => ({
      contents: harden(await readFile(path, 'utf8')),
      loader: 'css',
    })),
};
const check = process.argv.includes('--check');

await mkdir(new URL('adapters/', out), { recursive: true });
let faults = 0;
const sizes = {};
const texts = {};
for (const [name, entry] of Object.entries(files)) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    plugins: [hardened],
    write: false,
    minify: true,
    target: 'es2021',
    define: { PINNED: String(name === 'pinned.js'), OWN: String(name.startsWith('own-')), STYLE: JSON.stringify(name === 'asking.js' ? texts['banner.css'] : '') },
    tsconfigRaw: {}, // without "use strict", which modules are without it
    format: 'iife',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const built = Buffer.from(result.outputFiles[0].contents);
  texts[name] = result.outputFiles[0].text.trim();
  for (const reached of name.endsWith('.css') ? soft(texts[name]) : []) {
    faults++;
    console.error(`${name}: a page's rules could reach ${reached}`);
  }
  if (check) {
    const committed = await readFile(new URL(name, out)).catch(() => Buffer.alloc(0));
    if (!built.equals(committed)) {
      faults++;
      console.error(`banner/assets/${name} is not what js/${entry} gives: run "npm run build"`);
    }
  } else {
    await writeFile(new URL(name, out), built);
  }
  const brotli = brotliCompressSync(built, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  sizes[name] = brotli.length;
  console.log(
    `${name.padEnd(21)} ${String(built.length).padStart(6)} bytes  ${String(gzipSync(built, { level: 9 }).length).padStart(6)} gzip  ${String(brotli.length).padStart(6)} brotli`,
  );
}
for (const { of, most } of budgets) {
  const size = of.reduce((sum, name) => sum + sizes[name], 0);
  if (check && size > most) {
    faults++;
    console.error(`${of.join(' + ')}: ${size} bytes brotli, more than ${most}`);
  }
}
process.exitCode = faults ? 1 : 0;
