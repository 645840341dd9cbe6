/** Every rule in every engine that is asked for. */

import { afterAll, beforeAll, describe } from 'vitest';
import { after } from './after.ts';
import { answering } from './answering.ts';
import { before } from './before.ts';
import { startChromium } from './chromium.ts';
import { startNode, where } from './control.ts';
import { engines, type Engine, type EngineName } from './engine.ts';
import { startFirefox } from './firefox.ts';
import { keyboard } from './keyboard.ts';
import { page } from './page.ts';
import { World } from './site.ts';
import { policyOf, ruleOn, type Stage } from './stage.ts';
import { time } from './time.ts';
import { startWebKit } from './webkit.ts';

const starts: Record<EngineName, (proxy: number) => Promise<Engine>> = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit };
const wanted = (where.engines ?? 'chromium').split(',');

let node: Stage['node'];
beforeAll(async () => {
  node = await startNode(await policyOf());
});

describe.each(engines.filter((name) => wanted.includes(name)))('%s', (name) => {
  let stage: Stage;
  beforeAll(async () => {
    const world = await new World().open();
    stage = { engine: await starts[name](world.port), world, node };
    console.log(`${name} ${stage.engine.version}`);
  });
  afterAll(async () => {
    await stage?.engine.close();
    await stage?.world.close();
  });
  const rule = ruleOn(() => stage, name === 'chromium');
  before(rule);
  after(rule);
  time(rule);
  keyboard(rule);
  page(rule);
  answering(rule);
});
