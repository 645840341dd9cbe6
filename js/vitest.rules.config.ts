import { defineConfig } from 'vitest/config';

// The rules of the banner, with real nodes. `go test ./cmd/kelisim/rules` starts
// them and runs this.
export default defineConfig({
  test: {
    include: ['e2e/rules/*.spec.ts'],
    fileParallelism: false,
    maxConcurrency: 4,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    reporters: ['./e2e/rules/table.ts'],
  },
});
