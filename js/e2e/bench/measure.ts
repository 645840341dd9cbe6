/** Measures one visit: a fresh profile, a slow line, a slow processor. */

import type { Browser, CDPSession, Page } from 'playwright-core';

/** How a banner is driven. */
export interface Banner {
  readonly path: string;
  readonly accept: string;
  readonly customise: string;
  readonly item: string;
  readonly save: string;
}

export const banners: Readonly<Record<'kelisim' | 'rival', Banner>> = {
  kelisim: {
    path: '/kelisim',
    accept: '#kelisim [data-kelisim-action="accept-all"]',
    customise: '#kelisim [data-kelisim-action="customise"]',
    item: '#kelisim dialog [data-kelisim-item="analytics"]',
    save: '#kelisim dialog [data-kelisim-action="save"]',
  },
  rival: {
    path: '/rival',
    accept: '#cc-main .cm [data-role="all"]',
    customise: '#cc-main .cm [data-role="show"]',
    item: '#cc-main .pm input[value="analytics"]',
    save: '#cc-main .pm [data-role="save"]',
  },
};

/** What one visit came to; times in ms. */
export interface Measures {
  /** From the start of the navigation to the first frame with the first layer in it. */
  readonly visible: number;
  /** From the click on Customise to the first frame with the second layer in it. */
  readonly second: number;
  /** The longest interaction, by Event Timing: Customise, a switch, Save. */
  readonly click: number;
  /** Bytes on the wire of everything but the page, until the first layer is there and all is quiet. */
  readonly bytes: number;
  /** Layout shift as it is scored: but for what follows a click within half a second. */
  readonly cls: number;
  /** All layout shifts, also those after a click. */
  readonly shift: number;
}

interface Kept {
  seen: number;
  click: number;
  cls: number;
  shift: number;
}

declare global {
  interface Window {
    bench: Kept & { await(selector: string): Promise<number> };
  }
}

/** Runs in the page before everything else. */
function watch(selector: string): void {
  const shown = (wanted: string): boolean => {
    const found = document.querySelector(wanted);
    return !!found && found.getClientRects().length > 0 && found.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };
  const wait = (wanted: string): Promise<number> =>
    new Promise((done) => {
      const look = (): void => {
        if (shown(wanted)) requestAnimationFrame(() => done(performance.now()));
        else requestAnimationFrame(look);
      };
      look();
    });
  const kept = { seen: 0, click: 0, cls: 0, shift: 0, await: wait };
  Object.defineProperty(window, 'bench', { value: kept });
  void wait(selector).then((at) => (kept.seen = at));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { interactionId: number })[]) {
      if (entry.interactionId > 0) kept.click = Math.max(kept.click, entry.duration);
    }
  }).observe({ type: 'event', durationThreshold: 16, buffered: true } as PerformanceObserverInit);
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
      kept.shift += value;
      if (!hadRecentInput) kept.cls += value;
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

/** 1.6 Mb/s down, 0.75 Mb/s up, 150 ms, a quarter of the processor. */
async function slow(cdp: CDPSession): Promise<void> {
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 });
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
}

/** Counts what comes over the line, but for the page itself. */
function count(cdp: CDPSession, page: string): () => number {
  let bytes = 0;
  const own = new Set<string>();
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (request.url === page) own.add(requestId);
  });
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!own.has(requestId)) bytes += encodedDataLength;
  });
  return () => bytes;
}

/** Waits for the first layer by bare evaluations: what the driver would put into the page costs it as much as a banner does. */
async function firstLayer(cdp: CDPSession): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    const { result } = await cdp.send('Runtime.evaluate', { expression: 'self.bench && bench.seen' });
    if (Number(result.value) > 0) return;
    await new Promise((next) => setTimeout(next, 100));
  }
  throw new Error('the first layer was never seen');
}

/** One visit. */
export async function visit(browser: Browser, origin: string, banner: Banner): Promise<Measures> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 412, height: 823 } });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const cdp = await context.newCDPSession(page);
    await slow(cdp);
    const bytes = count(cdp, origin + banner.path);
    await page.addInitScript(watch, banner.accept);
    await page.goto(origin + banner.path, { waitUntil: 'commit' });
    await firstLayer(cdp);
    await page.waitForLoadState('networkidle');
    const transferred = bytes();
    const second = await click(page, banner.customise, banner.save);
    await page.waitForTimeout(700); // until it has come to rest
    await click(page, banner.item);
    await page.waitForTimeout(500);
    await click(page, banner.save);
    await page.waitForTimeout(1200);
    const { seen, click: longest, cls, shift } = await page.evaluate(() => ({ ...window.bench }));
    return { visible: seen, second, click: longest, bytes: transferred, cls, shift };
  } finally {
    await context.close();
  }
}

/** A real click; with something to wait for, the time until it is there. */
async function click(page: Page, selector: string, then?: string): Promise<number> {
  const took = then === undefined ? undefined : page.evaluate(
    ([pressed, wanted]) =>
      new Promise<number>((done) => {
        document.querySelector(pressed)!.addEventListener('click', ({ timeStamp }) => void window.bench.await(wanted).then((at) => done(at - timeStamp)), { capture: true, once: true });
      }),
    [selector, then] as const,
  );
  await page.locator(selector).first().click({ force: true });
  return (await took) ?? 0;
}
