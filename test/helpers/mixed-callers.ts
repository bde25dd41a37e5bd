/** Callers that do what clients of the official server do, in turn and at random, and keep a record of each call. */
import type { Agent } from 'undici';
import { systemClock } from '../../images/kit/src/clock.ts';
import { BareClient, type Seen } from './bare-client.ts';
import { WEATHER } from './mcp-client.ts';
import { seededRandom } from './seeded-random.ts';

export interface CallRecord {
  /** Of the JSON-RPC request; no two are equal. */
  readonly id: string;
  /** Who called, from 0 on. */
  readonly caller: number;
  readonly what: string;
  /** True when the proxy writes an audit line for it. */
  readonly audited: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly start: number;
  readonly end: number;
  readonly seen: Seen;
  /** Why the answer is not the right one; undefined when it is. */
  readonly wrong: string | undefined;
}

interface Kind {
  readonly what: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
  /** Text that stands in the right answer. */
  readonly has: string;
}

const tool = (name: string, given: Record<string, unknown>, has: string): Kind => ({
  what: name,
  method: 'tools/call',
  params: { name, arguments: given },
  has,
});

/** Queries have the most places, so that they are the most often taken. */
function kinds(sqlArgument: string): readonly Kind[] {
  const query = (sql: string, value: number) =>
    tool('RunSqlQuery', { [sqlArgument]: sql }, `: ${value}`);
  return [
    query(`SELECT COUNT(*) AS n FROM ${WEATHER}`, 3833),
    query(`SELECT COUNT(*) AS n FROM ${WEATHER} WHERE "date" < '2010-01-01'`, 365),
    query('SELECT 6 * 7 AS n', 42),
    query('SELECT 40 + 3 AS n', 43),
    query(`SELECT COUNT(*) + 1 AS n FROM ${WEATHER}`, 3834),
    tool('GetSchemaOfTable', { table_name: WEATHER }, 'tempmax'),
    tool('GetUsefulSystemTableNames', {}, 'Information about tables'),
    { what: 'tools/list', method: 'tools/list', params: {}, has: 'RunSqlQuery' },
  ];
}
const CALLS_OF_A_SHORT_SESSION = 5;

export interface MixedCallersOptions {
  readonly url: string;
  readonly key: () => string;
  /** Its connections are closed at the end. */
  readonly agent: Agent;
  /** Name of the argument of `RunSqlQuery`. */
  readonly sqlArgument: string;
  /** Keep their session to the end. */
  readonly lasting: number;
  /** Open a new session every few calls. */
  readonly passing: number;
  readonly deadlineMs: number;
  /** Between two calls of a caller, in ms. */
  readonly longestPauseMs: number;
  readonly seed: number;
}

export interface MixedCallers {
  /** Calls that have ended, in the order of their ends. */
  readonly records: readonly CallRecord[];
  /** Lets the calls under way end, then closes every connection; safe to call twice. */
  stop(): Promise<void>;
}

export function mixedCallers(options: MixedCallersOptions): MixedCallers {
  const { lasting, passing, seed, agent } = options;
  const stopping = new AbortController();
  const records: CallRecord[] = [];
  const callers = Array.from({ length: lasting + passing }, (_, index) =>
    runCaller({
      ...options,
      caller: index,
      name: `${seed}-${index}`,
      callsOfSession: index < lasting ? Number.POSITIVE_INFINITY : CALLS_OF_A_SHORT_SESSION,
      random: seededRandom(seed * 1_000 + index),
      signal: stopping.signal,
      record: (one) => records.push(one),
    }),
  );
  return {
    records,
    stop: async () => {
      stopping.abort();
      await Promise.all(callers);
      if (!agent.closed) await agent.close();
    },
  };
}

async function runCaller(
  options: MixedCallersOptions & {
    caller: number;
    name: string;
    callsOfSession: number;
    random: () => number;
    signal: AbortSignal;
    record(one: CallRecord): void;
  },
): Promise<void> {
  const { name, caller, callsOfSession, random, signal, record } = options;
  const choice = kinds(options.sqlArgument);
  let count = 0;
  const timed = async (
    what: string,
    send: (id: string) => Promise<Seen>,
    has: string,
    audited: boolean,
  ) => {
    const id = `${name}-${count++}`;
    const start = Date.now();
    const seen = await send(id);
    record({ id, caller, what, audited, start, end: Date.now(), seen, wrong: wrongIn(seen, has) });
  };
  while (!signal.aborted) {
    const client = new BareClient(options);
    await timed('initialize', (id) => client.open(id), 'protocolVersion', false);
    for (let calls = 0; calls < callsOfSession && !signal.aborted; calls++) {
      const kind = choice[Math.floor(random() * choice.length)] as Kind;
      const { what, method, params, has } = kind;
      await timed(what, (id) => client.call(id, method, params), has, method === 'tools/call');
      await systemClock.sleep(random() * options.longestPauseMs, signal);
    }
    // Some clients just go away.
    if (random() < 0.5) await client.end();
  }
}

function wrongIn(seen: Seen, has: string): string | undefined {
  if (seen.kind === 'broken') return seen.what;
  if (seen.kind === 'rpc_error') return `${seen.error.code} ${seen.error.message}`;
  const text = JSON.stringify(seen.result);
  if (seen.result.isError === true || !text.includes(has)) return text.slice(0, 300);
  return undefined;
}
