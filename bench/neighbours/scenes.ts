/** The same calls alone and beside each kind of trouble, every time in a new process of the proxy. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MIB } from '../measure.ts';
import type { Target } from '../proxy/client.ts';
import { type Contender, freePort, type Started, start } from '../proxy/contender.ts';
import { SECONDS } from '../proxy/parameters.ts';
import { countComplaints } from './flood.ts';
import { paced } from './paced.ts';
import { trouble } from './trouble.ts';

const CLIENTS = 16;
/** Far from the limits of the proxy, with enough calls to tell their slowest hundredth. */
const PER_SECOND = 200;
const CALM_PER_SECOND = 50;
const DEAF = 100;
const SLOW = 200;
const SETTLED_MS = 500;
const PATIENCE_MS = 60_000;

const calls = (target: Target, perSecond = PER_SECOND) =>
  paced({ target, clients: CLIENTS, perSecond, forMs: SECONDS * 1000 });

interface Scene extends AsyncDisposable {
  readonly started: Started;
  /** The sum of a metric over its labels. */
  metric(name: string): Promise<number>;
}

async function open(contender: Contender, more: Record<string, string> = {}): Promise<Scene> {
  const port = await freePort();
  const started = await start(contender, { OPERATIONS_PORT: String(port), ...more });
  return {
    started,
    metric: async (name) => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
      return values.reduce((sum, [, value]) => sum + Number(value), 0);
    },
    [Symbol.asyncDispose]: () => started.stop(),
  };
}

/** Milliseconds of each call. */
export async function alone(contender: Contender): Promise<readonly number[]> {
  await using scene = await open(contender);
  return await calls(scene.started.target);
}

/** The same at a pace at which the proxy has nearly nothing to do. */
export async function calm(contender: Contender): Promise<readonly number[]> {
  await using scene = await open(contender);
  return await calls(scene.started.target, CALM_PER_SECOND);
}

export interface Flooded {
  readonly times: readonly number[];
  /** Lines of the server that came into the log, a second. */
  readonly linesPerSecond: number;
}

/** @param command of the server that floods its standard error */
export async function besideFlood(contender: Contender, command: string): Promise<Flooded> {
  // At this level every line of the server would be written, if there were no bound.
  await using scene = await open(contender, { CHILD_COMMAND: command, LOG_LEVEL: 'debug' });
  const count = countComplaints(scene.started);
  const begin = performance.now();
  const times = await calls(scene.started.target);
  return { times, linesPerSecond: count() / ((performance.now() - begin) / 1000) };
}

export async function besideSlow(contender: Contender): Promise<readonly number[]> {
  await using scene = await open(contender);
  const { target } = scene.started;
  using _ = await trouble({ kind: 'slow', target, connections: SLOW });
  return await calls(target);
}

export interface BesideDeaf {
  readonly times: readonly number[];
  /** The highest resident memory of the proxy. */
  readonly peakMib: number;
  /** Seconds from the last answer to those who do not read until the last of them was cut. */
  readonly cutSeconds: number;
}

export async function besideDeaf(contender: Contender): Promise<BesideDeaf> {
  await using scene = await open(contender);
  const { target, pid } = scene.started;
  using _ = await trouble({ kind: 'deaf', target, connections: DEAF });
  // What they ask for is work that was asked for; what is measured comes when they only do not read.
  const begin = await settled(scene);
  const times = await calls(target);
  const late = begin + PATIENCE_MS;
  while ((await scene.metric('lakehouse_proxy_clients_cut_total')) < DEAF) {
    if (performance.now() > late) throw new Error('not all of those who do not read were cut');
    await delay(100);
  }
  const cutSeconds = (performance.now() - begin) / 1000;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peakMib = (Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / MIB;
  return { times, peakMib, cutSeconds };
}

/** Waits until the proxy has answered all that was asked, as far as it can. @returns when it had */
async function settled({ metric }: Scene): Promise<number> {
  let since = performance.now();
  for (let before = 0; performance.now() - since < SETTLED_MS; ) {
    await delay(50);
    const answered = await metric('lakehouse_proxy_calls_total');
    const busy = (await metric('lakehouse_proxy_calls_in_flight')) > 0;
    if (busy || answered !== before || answered < DEAF) since = performance.now();
    before = answered;
  }
  return since;
}

/** Milliseconds until each of some requests with JSON of 100,000 levels was refused. */
export async function refusalsOfDeep(contender: Contender): Promise<readonly number[]> {
  await using scene = await open(contender);
  const { url, headers } = scene.started.target;
  const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;
  const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${deep}}}`;
  const all = { ...headers, 'content-type': 'application/json', accept: 'application/json' };
  const times: number[] = [];
  while (times.length < 20) {
    const start = performance.now();
    const answer = await fetch(url, { method: 'POST', headers: all, body });
    await answer.text();
    if (answer.status !== 400) throw new Error(`${answer.status} for JSON of 100,000 levels`);
    times.push(performance.now() - start);
  }
  return times;
}
