import { defineConfig } from 'vitest/config';

// What is run by hand, and is no test: npm run bench, npm run screenshots.
export default defineConfig({
  test: { include: ['e2e/bench/*.bench.ts', 'e2e/screenshots.shot.ts'], fileParallelism: false, testTimeout: 900_000, hookTimeout: 300_000 },
});
