/**
 * Pictures of both layers in each language, light and dark, on a phone and on a
 * desktop, to look at: npm run screenshots. They are kept in docs/banner.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { onTestFinished, test } from 'vitest';
import { Fixture } from './fixture.ts';
import { launch } from './browser.ts';

const out = new URL('../../docs/banner/', import.meta.url).pathname;

/** A small picture: WebP, which the driver cannot make and the browser can. */
async function picture(page: Page, name: string): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 70 });
  await writeFile(`${out}${name}.webp`, Buffer.from(data, 'base64'));
}

test('pictures', { timeout: 300_000 }, async () => {
  await mkdir(out, { recursive: true });
  const fixture = await new Fixture().open();
  const browser = await launch();
  onTestFinished(async () => {
    await browser.close();
    await fixture.close();
  });
  for (const lang of ['kk', 'ru', 'en']) {
    for (const scheme of ['light', 'dark'] as const) {
      for (const [device, width, height] of [['desktop', 1280, 800], ['phone', 320, 640]] as const) {
        const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height }, reducedMotion: 'reduce' });
        page.setDefaultTimeout(10_000);
        const name = `${lang}-${scheme}-${device}`;
        await page.goto(`${fixture.origin}/?lang=${lang}`);
        await page.locator('.k-bar').waitFor();
        await picture(page, `${name}-1`);
        await page.locator('[data-kelisim-action=customise]').click();
        await page.locator('dialog').waitFor();
        await page.locator('[data-kelisim-item=analytics]').check();
        await picture(page, `${name}-2`);
        await page.close();
      }
    }
  }
  for (const place of ['k-box', 'k-corner k-right']) {
    fixture.look = { place };
    const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1280, height: 800 } });
    await page.goto(`${fixture.origin}/?lang=kk`);
    await page.locator('.k-bar').waitFor();
    await picture(page, place === 'k-box' ? 'box' : 'corner');
    await page.close();
  }
});
