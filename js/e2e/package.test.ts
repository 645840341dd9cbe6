/** The npm package: built, typed, without side effects, and used by the React example in a real page. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, until, visitor } from './browser.ts';
import { Fixture } from './fixture.ts';

const js = fileURLToPath(new URL('..', import.meta.url));
let browser: Browser;
let fixture: Fixture;

beforeAll(async () => {
  execFileSync(process.execPath, ['package/build.mjs'], { cwd: js });
  [browser, fixture] = await Promise.all([launch(), new Fixture().open()]);
});
afterAll(async () => {
  await browser?.close();
  await fixture?.close();
});

test('what the package promises is in it, and nothing else', () => {
  const packed = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: `${js}package`, encoding: 'utf8' })) as [
    { files: { path: string }[] },
  ];
  expect(packed[0].files.map(({ path }) => path).sort()).toEqual(['README.md', 'dist/index.d.ts', 'dist/index.js', 'package.json']);
});

test('it can be loaded where there is no page, does nothing there, and gives its whole interface', async () => {
  const made = (await import(/* @vite-ignore */ `${js}package/dist/index.js`)) as Record<string, (...args: unknown[]) => unknown>;
  expect(Object.keys(made).sort()).toEqual(['event', 'load', 'onChange', 'open', 'state', 'withdraw']);
  expect([made['state']!(), made['event']!('a'), made['load']!({ src: '/k.js', site: 'shop' })]).toEqual([undefined, undefined, undefined]);
});

test('nobody who uses one function pays for the others', async () => {
  const used = async (what: string): Promise<string> => {
    const { outputFiles } = await build({
      stdin: { contents: `import { ${what} } from './index.js'; ${what && `console.log(${what})`}`, resolveDir: `${js}package/dist` },
      bundle: true, write: false, minify: true, format: 'esm',
    });
    return outputFiles[0]!.text;
  };
  expect(await used('')).toBe('');
  expect((await used('onChange')).length).toBeLessThan(300);
});

test('the types refuse what the policy could never take', () => {
  const uses = {
    'right.ts': `import { event, load, state } from 'kelisim'; load({ src: '/k.js', site: 'shop' }); event('a', { b: 1 }); const s = state(); if (s?.status === 'granted') s.purposes.at(0);`,
    'nested.ts': `import { event } from 'kelisim'; event('a', { b: {} });`,
    'nowhere.ts': `import { load } from 'kelisim'; load({ src: '/k.js' });`,
  };
  const options: ts.CompilerOptions = {
    strict: true, noEmit: true, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: [], skipLibCheck: true, paths: { kelisim: [`${js}package/dist/index.d.ts`] },
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) =>
    name in uses ? ts.createSourceFile(name, uses[name as keyof typeof uses], ts.ScriptTarget.ES2022) : read(name, ...rest);
  const found = ts.getPreEmitDiagnostics(ts.createProgram(Object.keys(uses), options, host));
  expect(found.map(({ file, code }) => `${file?.fileName} ${code}`)).toEqual(['nested.ts 2322', 'nowhere.ts 2345']);
});

test('the loader is put into a page once, also beside a script of others with a data-site', async () => {
  const page = await (await visitor(browser)).newPage();
  await page.route('**/plain', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><html lang="en"><title>App</title><script type="text/plain" data-site="ABCDEFGH"></script>' }));
  await page.goto(`${fixture.origin}/plain`);
  const calls = "for (const site of ['shop', 'shop']) load({ src: '/kelisim/k.js', site });";
  await page.addScriptTag({ type: 'module', content: readFileSync(`${js}package/dist/index.js`, 'utf8') + calls });
  await page.locator('[data-kelisim-action="accept-all"]').waitFor();
  expect(await page.locator('script[src="/kelisim/k.js"]').count()).toBe(1);
});

test('the React example shows a frame only while its purpose is granted', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { createRoot } from 'react-dom/client';
        import { load } from 'kelisim';
        import { Player } from '${js}../examples/react/player';
        load({ src: '/kelisim/k.js', site: 'shop', lang: 'en' });
        createRoot(document.getElementById('app')).render(<Player src="about:blank?player" title="Watch" />);`,
      resolveDir: js, loader: 'tsx',
    },
    bundle: true, write: false, minify: true, jsx: 'automatic', format: 'iife', nodePaths: [`${js}node_modules`],
    alias: { kelisim: `${js}package/dist/index.js` }, define: { 'process.env.NODE_ENV': '"production"' },
  });
  const page = await (await visitor(browser)).newPage();
  await page.route('**/app', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><html lang="en"><title>App</title><div id="app"></div><script src="/app.js"></script>' }));
  await page.route('**/app.js', (route) => route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]!.text }));
  await page.goto(`${fixture.origin}/app`);
  await page.locator('button:text("Watch")').waitFor();
  expect(await page.locator('iframe').count()).toBe(0);
  await page.locator('[data-kelisim-action="accept-all"]').click();
  await page.locator('iframe[title="Watch"]').waitFor();
  await page.locator('#kelisim-open').click();
  await page.locator('[data-kelisim-action="withdraw"]').click();
  await until('the withdrawal', () => fixture.decisions.length === 2);
  await page.locator('iframe').waitFor({ state: 'detached' });
  expect(readFileSync(new URL('../../examples/react/use-consent.ts', import.meta.url), 'utf8')).toContain("from 'kelisim'");
});
