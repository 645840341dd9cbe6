/** The nodes behind the tests: cmd/kelisim/rules starts them, moves their clocks, changes their policies and asks their databases. */

interface Where {
  readonly control: string;
  /** Engines to run in, separated by commas. */
  readonly engines: string;
}

/** Where this run finds its control; empty outside `go test ./cmd/kelisim/rules`. */
export const where = JSON.parse(process.env['KELISIM_RULES'] ?? '{}') as Where;

async function call<T>(path: string, body?: string): Promise<T> {
  if (!where.control) throw new Error('run this through: go test -run BrowserRules ./cmd/kelisim/rules');
  const answer = await fetch(where.control + path, body === undefined ? {} : { method: 'POST', body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return JSON.parse(text) as T;
}

/** A real node. */
export interface Node {
  readonly collector: string;
  /** Where the demo's site is served. */
  readonly demo: string;
  /** Moves its clock: "-24h" is a day ago. */
  readonly clock: (shift: string) => Promise<unknown>;
  /** Puts another policy in force; the answer is its edition, 64 hexadecimal digits. */
  readonly policy: (text: string) => Promise<string>;
  readonly edition: string;
  readonly sql: (query: string) => Promise<string[][]>;
  /** The one number that a query gives. */
  readonly count: (query: string) => Promise<number>;
}

/** The policy of the demo, as text. */
export async function demoPolicy(): Promise<string> {
  return (await fetch(`${where.control}/policy`)).text();
}

/** Starts a node with a policy and a clock. */
export async function startNode(policy: string, shift = '0s'): Promise<Node> {
  const made = await call<{ node: string; collector: string; demo: string; edition: string }>(`/node?shift=${shift}`, policy);
  const sql = (query: string): Promise<string[][]> => call(`/sql?node=${made.node}`, query);
  return {
    ...made,
    sql,
    clock: (by) => call(`/clock?node=${made.node}&shift=${by}`, ''),
    policy: async (text) => (await call<{ edition: string }>(`/policy?node=${made.node}`, text)).edition,
    count: async (query) => Number((await sql(query))[0]![0]),
  };
}
