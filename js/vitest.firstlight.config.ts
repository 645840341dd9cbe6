import { defineConfig } from 'vitest/config';

// The whole line, with the real collector. `go test ./cmd/kelisim/firstlight`
// starts it and runs this.
export default defineConfig({
  test: { include: ['e2e/firstlight.spec.ts'], fileParallelism: false, testTimeout: 120_000, hookTimeout: 60_000 },
});
