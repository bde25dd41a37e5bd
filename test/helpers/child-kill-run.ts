/**
 * A stack with the real official server, whose child is killed again and again while clients call it and tokens end.
 * The run only watches and writes down; `child-kill-verdict.ts` judges.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { type InnerProcess, killIn, namesIn, processesIn } from './inside-container.ts';
import { connect, sqlArgument } from './mcp-client.ts';
import { type CallRecord, mixedCallers } from './mixed-callers.ts';
import { mixedDremio } from './mixed-dremio.ts';
import { followLog, type LogLine } from './refresher-container.ts';
import { seededRandom } from './seeded-random.ts';
import { deploy, docker, engineName, eventually, metricsOf } from './stack.ts';

export interface ChildKillOptions {
  readonly durationMs: number;
  /** Before the measurement that the end is compared with; also under load, with a kill at its end. */
  readonly warmUpMs: number;
  readonly killEveryMs: number;
  readonly tokenLifeMs: number;
  /** Children side by side. */
  readonly children: number;
  readonly seed: number;
  /** Growth of the proxy's memory that is no leak, in bytes: at first it grows with the first of everything. */
  readonly memoryGrowth: number;
  note(text: string): void;
}

export interface Kill {
  readonly pid: number;
  /** Just before the signal, in milliseconds since the Unix epoch. */
  readonly moment: number;
  /** Of the child, as the proxy's log tells its end. */
  readonly generation: number;
  /** When the proxy noticed. */
  readonly noticed: number;
  /** What the log says of the end. */
  readonly why: string;
}

/** The proxy's container while nobody calls it. */
export interface Rest {
  readonly processes: readonly InnerProcess[];
  readonly proxy: InnerProcess;
  readonly servers: number;
  readonly zombies: number;
  /** Private folders of children. */
  readonly folders: number;
}

export interface ChildKillRun {
  readonly options: ChildKillOptions;
  readonly records: readonly CallRecord[];
  readonly kills: readonly Kill[];
  /** The proxy's whole log. */
  readonly log: readonly LogLine[];
  readonly before: Rest;
  readonly after: Rest;
  /** While clients call: the proxy a moment before each kill. */
  readonly underLoad: readonly Rest[];
  readonly starts: { readonly before: string; readonly after: string };
  readonly childStarts: ReadonlyMap<string, number>;
  readonly dremio: { tokens: number; badTokens: number; requests: number };
}

const SERVER = 'dremio-mcp-server';
const LONGEST_QUERY_MS = 4_000;
const CALL_DEADLINE_MS = 90_000;
const LONGEST_PAUSE_MS = 1_000;
/** Also for a server that has to be started twice on a starved machine. */
const READY_WITHIN_MS = 120_000;
const LASTING = 8;
const PASSING = 4;
export const MIB = 1024 * 1024;

/** @throws Error when the container cannot be looked at, or a kill does not show in the log */
export async function runChildKills(options: ChildKillOptions): Promise<ChildKillRun> {
  await using parts = new AsyncDisposableStack();
  const { durationMs, warmUpMs, killEveryMs, tokenLifeMs, children, seed, note } = options;
  const dremio = await mixedDremio({ tokenLifeMs, longestQueryMs: LONGEST_QUERY_MS, seed });
  parts.defer(() => dremio.stop());
  const stack = await deploy(
    {
      dremioUrl: dremio.url,
      dremioUsername: dremio.username,
      childCount: String(children),
    },
    { key: 'dremioPassword', value: dremio.password },
  );
  parts.defer(() => stack.remove());
  const name = engineName(stack, 'proxy');
  const container = docker.getContainer(name);
  const log = await followLog(container);
  const startedAt = async () => (await container.inspect()).State.StartedAt;
  const random = seededRandom(seed);
  const client = await connect(stack.url, stack.key);
  const argument = await sqlArgument(client);
  await client.close();

  let killed = 0;
  const kill = async (): Promise<Kill> => {
    // Killed while it starts, a server would count as one that cannot start.
    await eventually(
      'every child is ready',
      async () => {
        const { length } = log.lines.filter(({ event }) => event === 'child_ready');
        return length === children + killed;
      },
      READY_WITHIN_MS,
    );
    killed++;
    const { pid, moment } = await killIn(name, SERVER, random());
    const { generation, time, why } = await log.until('child_ended', {
      match: (line) => Date.parse(line.time) >= moment,
    });
    return {
      pid,
      moment,
      generation: Number(generation),
      noticed: Date.parse(time),
      why: String(why),
    };
  };
  const load = (part: number) => {
    const callers = mixedCallers({
      url: stack.url,
      key: () => stack.key,
      agent: new Agent(),
      sqlArgument: argument,
      lasting: LASTING,
      passing: PASSING,
      deadlineMs: CALL_DEADLINE_MS,
      longestPauseMs: LONGEST_PAUSE_MS,
      seed: seed + part,
    });
    parts.defer(() => callers.stop());
    return callers;
  };
  const allRun = async () => {
    const rest = await look(name);
    return rest.servers === children ? rest : undefined;
  };

  note('warming up');
  const first = load(0);
  await sleep(warmUpMs);
  await kill();
  await first.stop();
  await eventually('every child runs again', allRun);
  const before = await settled(name);
  const starts = await startedAt();
  const tokensBefore = dremio.tokens.size;
  const requestsBefore = dremio.requests();
  note(`at rest: ${inWords(before)}`);

  const kills: Kill[] = [];
  const underLoad: Rest[] = [];
  const second = load(1);
  const start = Date.now();
  for (let next = start + killEveryMs; next < start + durationMs; next += killEveryMs) {
    await sleepUntil(next);
    const rest = await look(name);
    underLoad.push(rest);
    const one = await kill();
    kills.push(one);
    note(
      `${Math.round((one.moment - start) / 1000)} s: killed generation ${one.generation}; ` +
        `${second.records.length} calls so far; before it ${inWords(rest)}`,
    );
  }
  await sleepUntil(start + durationMs);
  await second.stop();
  await eventually('every child runs again', allRun);
  // What a proxy needs some moments for after its last client went is nothing left over.
  const after = await eventually('the proxy is at rest', async () => {
    const rest = await settled(name);
    return isAsBefore(rest, before) && rest;
  }).catch(() => settled(name));
  note(`at rest: ${inWords(after)}`);
  return {
    options,
    records: second.records,
    kills,
    log: [...log.lines],
    before,
    after,
    underLoad,
    starts: { before: starts, after: await startedAt() },
    childStarts: await childStarts(name),
    dremio: {
      tokens: dremio.tokens.size - tokensBefore,
      badTokens: dremio.badTokens(),
      requests: dremio.requests() - requestsBefore,
    },
  };
}

const sleepUntil = (moment: number) => sleep(Math.max(0, moment - Date.now()));

/** More open descriptors than before that are no leak. */
export const MORE_DESCRIPTORS = 5;

const isAsBefore = (rest: Rest, before: Rest): boolean =>
  rest.processes.length === before.processes.length &&
  rest.zombies === 0 &&
  rest.folders === before.folders &&
  rest.proxy.descriptors <= before.proxy.descriptors + MORE_DESCRIPTORS;

export function inWords({ processes, proxy, servers, zombies, folders }: Rest): string {
  return (
    `${processes.length} processes (${servers} servers, ${zombies} zombies), ${folders} folders, ` +
    `proxy with ${proxy.descriptors} descriptors and ${(proxy.rss / MIB).toFixed(1)} MiB`
  );
}

async function look(container: string): Promise<Rest> {
  const processes = await processesIn(container);
  const proxy = processes.find(({ command }) => command.includes('/images/proxy/src/main.ts'));
  if (!proxy) throw new Error(`no proxy among ${processes.map(({ command }) => command)}`);
  const folders = await namesIn(container, '/tmp');
  return {
    processes,
    proxy,
    servers: processes.filter(({ command }) => command.includes(SERVER)).length,
    zombies: processes.filter(({ state }) => state === 'Z').length,
    folders: folders.filter((folder) => folder.startsWith('dremio-mcp-')).length,
  };
}

/** Looks until idle connections have been closed: the same descriptors three times, two seconds apart. */
async function settled(container: string): Promise<Rest> {
  const seen: number[] = [];
  return eventually('the proxy comes to rest', async () => {
    const rest = await look(container);
    seen.push(rest.proxy.descriptors);
    if (seen.length >= 3 && new Set(seen.slice(-3)).size === 1) return rest;
    await sleep(2_000);
    return undefined;
  });
}

async function childStarts(container: string): Promise<Map<string, number>> {
  const series = /^lakehouse_proxy_child_starts_total\{reason="(.+)"\}$/;
  const metrics = await metricsOf(container);
  return new Map(
    [...metrics].flatMap(([metric, value]) => {
      const reason = series.exec(metric)?.[1];
      return reason === undefined ? [] : [[reason, value] as const];
    }),
  );
}
