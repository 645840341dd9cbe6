import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['{contract,banner,release,telemetry}/**/*.test.ts'] },
});
