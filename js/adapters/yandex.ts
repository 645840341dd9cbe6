/**
 * Yandex Metrika: its counters send nothing while the switch that they look at is
 * set, and it is, but for the time that the purpose is granted.
 *
 *   <script src="/kelisim/adapters/yandex.js" data-counters="00000000" data-purposes="analytics"></script>
 *
 * The counter's own tag waits in the page until the purpose is granted; the switch
 * is for what happens later: a counter that runs falls silent on withdrawal.
 */

import { follow, options } from './follow.ts';

const { counters = '', purposes = 'analytics' } = options();

function allow(allowed: boolean): void {
  for (const counter of counters.match(/\d+/g) ?? []) (window as unknown as Record<string, boolean>)[`disableYaCounter${counter}`] = !allowed;
}

allow(false);
follow((permits) => allow(permits(purposes)));
