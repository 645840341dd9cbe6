// Builds the npm package into package/dist: node package/build.mjs
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
await build({ absWorkingDir: here, entryPoints: ['index.ts'], outdir: 'dist', format: 'esm', target: 'es2021', charset: 'utf8', logLevel: 'warning' });
execFileSync(process.execPath, [tsc, 'index.ts', '--declaration', '--emitDeclarationOnly', '--outDir', 'dist', '--strict', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom', '--skipLibCheck'], {
  cwd: here,
  stdio: 'inherit',
});
