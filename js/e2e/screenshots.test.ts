/**
 * Pictures of both layers in each language, light and dark, wide and narrow, to
 * look at: npm run screenshots. They are written to e2e/out.
 */

import { mkdir } from 'node:fs/promises';
import { onTestFinished, test } from 'vitest';
import { Fixture } from './fixture.ts';
import { launch } from './browser.ts';

test.runIf(process.env['KELISIM_SCREENSHOTS'])('pictures', { timeout: 300_000 }, async () => {
  const out = new URL('out/', import.meta.url).pathname;
  await mkdir(out, { recursive: true });
  const fixture = await new Fixture().open();
  const browser = await launch();
  onTestFinished(async () => {
    await browser.close();
    await fixture.close();
  });
  for (const lang of ['kk', 'ru', 'en']) {
    for (const scheme of ['light', 'dark'] as const) {
      for (const [width, height] of [[1280, 800], [320, 640]] as const) {
        const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height }, reducedMotion: 'reduce' });
        page.setDefaultTimeout(10_000);
        const name = `${out}${lang}-${scheme}-${width}`;
        await page.goto(`${fixture.origin}/?lang=${lang}`);
        await page.locator('.k-bar').waitFor();
        await page.screenshot({ path: `${name}-1.png` });
        await page.locator('[data-kelisim-action=customise]').click();
        await page.screenshot({ path: `${name}-2.png` });
        await page.locator('dialog .k-scroll').evaluate((element) => element.scrollTo(0, 1e6));
        await page.screenshot({ path: `${name}-3.png` });
        await page.locator('[data-kelisim-item=analytics]').check();
        await page.locator('[data-kelisim-action=save]').click();
        await page.locator('#kelisim-open').waitFor();
        await page.waitForTimeout(150);
        await page.screenshot({ path: `${name}-4.png` });
        await page.locator('#kelisim-open').click();
        await page.locator('dialog [data-kelisim-action=withdraw]').waitFor();
        await page.screenshot({ path: `${name}-5.png` });
        await page.close();
      }
    }
  }
});
