/**
 * Prints what came of each rule in each engine, to the terminal and nowhere else.
 * A rule counts as passed in an engine when all its tests ran and passed there;
 * what was not run is shown as not run, with the reason below the table.
 */

import type { UserConsoleLog } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

interface Cell {
  passed: number;
  failed: number;
  readonly left: string[];
}

export default class Table implements Reporter {
  readonly #cells = new Map<string, Map<string, Cell>>();
  readonly #names: string[] = [];

  onUserConsoleLog({ content }: UserConsoleLog): void {
    process.stdout.write(content);
  }

  onTestCaseResult(test: TestCase): void {
    const engine = test.parent.type === 'suite' ? test.parent.name : '';
    const result = test.result();
    const cell = this.#cell(/^\S+/.exec(test.name)![0], engine);
    if (result.state === 'passed') cell.passed++;
    else if (result.state === 'failed') cell.failed++;
    else if (result.state === 'skipped' && result.note) cell.left.push(`${test.name}: ${result.note}`);
    else return;
    const errors = (result.errors ?? []).map(({ stack, message, diff, cause }) => [message, diff, (cause as Error | undefined)?.message, stack].filter(Boolean).join('\n'));
    console.log(`${result.state.padEnd(7)} ${engine.padEnd(8)} ${test.name} (${Math.round(test.diagnostic()?.duration ?? 0)} ms)`);
    for (const error of errors) console.log(error);
  }

  onTestRunEnd(_: readonly TestModule[], errors: readonly unknown[]): void {
    for (const error of errors) console.log(error);
    const rules = [...new Set([...Array.from({ length: 29 }, (_, i) => `R${String(i + 1).padStart(2, '0')}`), ...this.#cells.keys()])].sort();
    const notes: string[] = [];
    console.log(`\n| rule | ${this.#names.join(' | ')} |\n|---|${'---|'.repeat(this.#names.length)}`);
    for (const rule of rules) {
      const cells = this.#names.map((engine) => {
        const cell = this.#cells.get(rule)?.get(engine);
        if (!cell) return 'no test';
        for (const why of cell.left) notes.push(`${engine}: ${why}`);
        if (cell.failed > 0) return 'FAILED';
        return cell.passed === 0 ? 'not run' : cell.left.length > 0 ? 'passed in part' : 'passed';
      });
      console.log(`| ${rule} | ${cells.join(' | ')} |`);
    }
    for (const note of notes) console.log(`not run in ${note}`);
  }

  #cell(rule: string, engine: string): Cell {
    if (!this.#names.includes(engine)) this.#names.push(engine);
    const row = this.#cells.get(rule) ?? new Map<string, Cell>();
    this.#cells.set(rule, row);
    const cell = row.get(engine) ?? { passed: 0, failed: 0, left: [] };
    row.set(engine, cell);
    return cell;
  }
}
