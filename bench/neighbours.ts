/**
 * What a client feels of the trouble that others make: a server that floods its standard error, clients that do not
 * read, connections that send too slowly. The same calls alone and beside each, in turns, in one run; and what the
 * proxy adds to a call when there is nearly nothing to do. Ends with 1 when a limit is missed.
 *
 *     node bench/neighbours.ts
 *     ROUNDS=1 SECONDS=2 node bench/neighbours.ts    # a short form, for a look
 */
import { availableParallelism, loadavg } from 'node:os';
import { quantile } from './measure.ts';
import { floodingServer } from './neighbours/flood.ts';
import {
  alone,
  type BesideDeaf,
  besideDeaf,
  besideFlood,
  besideSlow,
  calm,
  type Flooded,
  refusalsOfDeep,
} from './neighbours/scenes.ts';
import { quickDremio } from './proxy/dremio.ts';
import { ourProxy } from './proxy/ours.ts';
import { ROUNDS, SECONDS } from './proxy/parameters.ts';
import { median } from './proxy/throughput.ts';
import { judge } from './proxy/verdict.ts';

type Times = readonly number[];

const tellLoad = () =>
  console.log(
    `load of this machine: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors`,
  );

console.log(`${ROUNDS} rounds of ${SECONDS} s for each scene`);
tellLoad();
const dremio = await quickDremio();
await using proxy = await ourProxy(dremio.url);
await using flood = await floodingServer();
await proxy.writeToken('token-of-the-benchmark');
const { contender } = proxy;

const scenes: Record<string, Times[]> = { alone: [], flood: [], deaf: [], slow: [], calm: [] };
const floods: Flooded[] = [];
const deaf: BesideDeaf[] = [];
for (let round = 0; round < ROUNDS; round++) {
  scenes.alone?.push(await alone(contender));
  floods.push(await besideFlood(contender, flood.command));
  deaf.push(await besideDeaf(contender));
  scenes.slow?.push(await besideSlow(contender));
  scenes.calm?.push(await calm(contender));
}
scenes.flood = floods.map(({ times }) => times);
scenes.deaf = deaf.map(({ times }) => times);

/** Medians over the rounds. */
const at = (scene: string, share: number) =>
  median((scenes[scene] ?? []).map((times) => quantile(times, share)));
const ms = (scene: string, share: number) => at(scene, share).toFixed(2);
console.table(
  Object.entries({
    alone: 'alone',
    flood: 'the server floods its standard error, 20 MiB/s',
    deaf: '100 clients do not read their answers of 1 MiB',
    slow: '200 connections send a byte a second',
    calm: 'alone, 50 calls/s',
  }).map(([scene, what]) => ({
    what,
    'p50 ms': ms(scene, 0.5),
    'p95 ms': ms(scene, 0.95),
    'p99 ms': ms(scene, 0.99),
  })),
);

const beside = (scene: string, share: number) => at(scene, share) / at('alone', share);
const deep = await refusalsOfDeep(contender);
const failed = Object.values(scenes)
  .flat(2)
  .filter((time) => time === Number.POSITIVE_INFINITY).length;
const met = judge([
  { what: 'calls that failed, in all scenes', value: failed, unit: 'calls', atMost: 0 },
  {
    what: 'P6: p99 beside a flooded standard error, to p99 alone',
    value: beside('flood', 0.99),
    unit: 'times',
    atMost: 2,
  },
  {
    what: 'P6: lines of that flood in our log',
    value: median(floods.map(({ linesPerSecond }) => linesPerSecond)),
    unit: 'lines/s',
    atMost: 100,
  },
  {
    what: 'P7: p95 beside clients that do not read, to p95 alone',
    value: beside('deaf', 0.95),
    unit: 'times',
    atMost: 1.5,
  },
  {
    what: 'P7: highest memory of the proxy then',
    value: Math.max(...deaf.map(({ peakMib }) => peakMib)),
    unit: 'MiB',
    atMost: 256,
  },
  {
    what: 'P7: the last of them is cut after',
    value: Math.max(...deaf.map(({ cutSeconds }) => cutSeconds)),
    unit: 's',
    atMost: 30,
  },
  {
    what: 'P9: p95 beside slow connections, to p95 alone',
    value: beside('slow', 0.95),
    unit: 'times',
    atMost: 1.5,
  },
  {
    what: 'P10: JSON of 100,000 levels is refused, p95',
    value: quantile(deep, 0.95),
    unit: 'ms',
    atMost: 100,
  },
  {
    what: 'P21: p95 of a whole call at 50 calls/s, 16 clients',
    value: at('calm', 0.95),
    unit: 'ms',
    atMost: 5,
  },
]);
tellLoad();
process.exitCode = met ? 0 : 1;
dremio.close();
