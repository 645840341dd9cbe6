import { defineConfig } from 'vitest/config';

export default defineConfig({
  define: { OWN: 'false', STYLE: '""' },
  test: { include: ['{contract,banner,release,telemetry}/**/*.test.ts'] },
});
