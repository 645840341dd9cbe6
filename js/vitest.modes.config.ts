import { defineConfig } from 'vitest/config';

// The deployment modes, with the real collector. `go test ./cmd/kelisim/modes`
// starts it and runs this.
export default defineConfig({
  test: { include: ['e2e/modes.spec.ts'], fileParallelism: false, testTimeout: 40_000, hookTimeout: 60_000 },
});
