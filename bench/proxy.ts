/**
 * The proxy beside the bridges that others use for the same, all in front of one echo server, in one run: calls a
 * second and latencies at 1, 16 and 64 callers, sessions, memory, and what a client feels of a crash, a rotation, a
 * stop. Ours runs with authentication and audit. Ends with 1 when a limit is missed.
 *
 *     node bench/proxy.ts
 *     ROUNDS=1 SECONDS=1 node bench/proxy.ts    # a short form, for a look
 *
 * With `ONLY=<name of a contender>` there is speed alone, with `PROFILE=<folder>` a CPU profile of our proxy.
 */
import { availableParallelism, loadavg } from 'node:os';
import { bigAnswer } from './proxy/big.ts';
import { changes } from './proxy/changes.ts';
import { eventDemands, JUDGED_AT, ownDemands, speedDemands } from './proxy/demands.ts';
import { quickDremio } from './proxy/dremio.ts';
import { type Events, events } from './proxy/events.ts';
import { hop } from './proxy/hop.ts';
import { bareBridge, ourProxy } from './proxy/ours.ts';
import * as amount from './proxy/parameters.ts';
import { peers } from './proxy/peers.ts';
import { growth, growthByAnswers } from './proxy/sessions.ts';
import { Throughput } from './proxy/throughput.ts';
import { judge } from './proxy/verdict.ts';

const { ROUNDS, SECONDS, CALLERS, ONLY, RECOVERIES, CHANGES, GROWTH_CALLS, GROWTH_ANSWERS } =
  amount;
const shown = (value: number) => (Number.isNaN(value) ? '' : value.toFixed(value < 100 ? 1 : 0));
const tellLoad = () =>
  console.log(
    `load of this machine: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors`,
  );

console.log(`${ROUNDS} rounds of ${SECONDS} s at ${CALLERS} callers`);
tellLoad();
const dremio = await quickDremio();
const proxy = await ourProxy(dremio.url);
const ours = proxy.contender;
const modes = [ours, ...(await peers()), bareBridge].filter(
  ({ name }) => ONLY?.includes(name) ?? true,
);
await proxy.writeToken('token-of-the-benchmark');

const speed = new Throughput();
await speed.round(modes);
// The first round tells which mode of a program is its best; the others go on with that one.
const all = speed.best(modes, JUDGED_AT);
for (let round = 1; round < ROUNDS; round++) await speed.round(all);
console.table(
  modes.flatMap(({ name }) =>
    CALLERS.map((callers) => {
      const { perSecond, p50, p99, failed, rounds } = speed.of(name, callers);
      const ms = { 'p50 ms': shown(p50), 'p99 ms': shown(p99) };
      return { name, callers, 'calls/s': shown(perSecond), ...ms, failed, rounds };
    }),
  ),
);

if (ONLY === undefined) {
  const seen: Events[] = [];
  for (const contender of all)
    seen.push(await events(contender, contender === ours ? RECOVERIES : 1));
  const changed = await changes(proxy, dremio);
  if (changed.firstFailure !== undefined) console.log(changed.firstFailure);
  console.table(
    seen.map(({ name, session, recoveryMs, lost, drained }) => ({
      name,
      'session ready ms': shown(session.readyMs),
      sessions: session.open,
      'RSS MiB': shown(session.mib),
      'recovery p95 ms': lost ?? shown(recoveryMs),
      'failed in rotations': name === ours.name ? changed.failed : 'no rotation',
      'SIGTERM during a call': drained,
    })),
  );
  const own = {
    growthMib: await growth(ours),
    growthCalls: GROWTH_CALLS,
    answersMib: await growthByAnswers(ours),
    answers: GROWTH_ANSWERS,
    changed,
    changes: CHANGES,
    hopMs: await hop(proxy, dremio),
    big: await bigAnswer(ours),
  };
  const at = (name: string) => speed.of(name, JUDGED_AT);
  const met = judge([
    ...speedDemands(
      at(ours.name),
      all.filter((one) => one !== ours && one !== bareBridge).map(({ name }) => at(name)),
      at(bareBridge.name),
    ),
    ...seen.filter(({ name }) => name === ours.name).flatMap(eventDemands),
    ...ownDemands(own),
  ]);
  tellLoad();
  process.exitCode = met ? 0 : 1;
}
dremio.close();
await proxy[Symbol.asyncDispose]();
