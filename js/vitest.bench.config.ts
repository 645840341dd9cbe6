import { defineConfig } from 'vitest/config';

// Benchmarks of the banner: npm run bench. Not part of the tests.
export default defineConfig({
  test: { include: ['e2e/bench/*.bench.ts'], fileParallelism: false, testTimeout: 900_000, hookTimeout: 300_000 },
});
