/**
 * What the refresher costs and how fast it is: memory at rest and over 10,000 cycles, start, stop, answers during a
 * login that hangs; beside scripts that do the least of it. Ends with 1 when a limit is passed.
 *
 *     node bench/refresher.ts
 */
import { availableParallelism, loadavg } from 'node:os';
import { report } from './measure.ts';
import { container } from './refresher/container.ts';
import { cycles } from './refresher/cycles.ts';
import { hang } from './refresher/hang.ts';
import { peers } from './refresher/peers.ts';
import { warm } from './refresher/service.ts';
import { starts, stops } from './refresher/start-stop.ts';

console.log(
  `load of this machine: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors`,
);
await warm();
const measures = [];
for (const part of [container, cycles, starts, stops, hang]) measures.push(...(await part()));
const kept = report(measures);
await peers();
process.exitCode = kept ? 0 : 1;
