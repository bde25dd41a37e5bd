/** What a run with killed children must show, and what it measured in words. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type ChildKillRun, inWords, type Kill, MIB, MORE_DESCRIPTORS } from './child-kill-run.ts';
import type { CallRecord } from './mixed-callers.ts';
import type { LogLine } from './refresher-container.ts';

/** Within this time of a kill, every call that the child worked on has its error. */
const ERROR_WITHIN_MS = 1_000;
/** Code of the JSON-RPC error of a call whose server went away. */
const CONNECTION_CLOSED = -32000;

/** The name that the audit gives to a request. */
const digestOf = (id: string) =>
  `sha256:${createHash('sha256').update(JSON.stringify(id)).digest('hex')}`;

/** Audit lines of tool calls, by the digest of their request. */
function auditOf({ log }: ChildKillRun): Map<unknown, LogLine> {
  const lines = log.filter(({ audit, event }) => audit === true && event === 'tool_called');
  return new Map(lines.map((line) => [line.request, line]));
}

const isFailed = ({ wrong }: CallRecord) => wrong !== undefined;

/** The kill that a failed call is to be blamed on: by the child it was in, or by its time where no audit tells. */
function blame(run: ChildKillRun, audit: Map<unknown, LogLine>, record: CallRecord) {
  const generation = audit.get(digestOf(record.id))?.generation;
  return run.kills.find((kill) =>
    record.audited
      ? kill.generation === generation
      : record.start <= kill.noticed && record.end >= kill.moment,
  );
}

/** Why a failed call is more than a kill explains; undefined when it is not. */
function complaint(record: CallRecord, kill: Kill | undefined): string | undefined {
  const { seen, start, end } = record;
  if (!kill) return 'no child that it was in was killed';
  if (seen.kind !== 'rpc_error') return 'the failure is no JSON-RPC error';
  if (seen.status !== 200) return `HTTP ${seen.status}`;
  const { code, data } = seen.error;
  if (code !== CONNECTION_CLOSED || data?.reason !== 'child_died')
    return `code ${code}, reason ${data?.reason}`;
  if (start > kill.noticed) return `begun ${start - kill.noticed} ms after the end was noticed`;
  if (end < kill.moment) return `ended ${kill.moment - end} ms before the kill`;
  if (end - kill.moment > ERROR_WITHIN_MS) return `ended ${end - kill.moment} ms after the kill`;
  return undefined;
}

/**
 * The most memory that the proxy had at rest or in the first third of the run: before the collector's first large
 * round it takes ever more, as every process with one does.
 */
function usualMemory({ before, underLoad }: Pick<ChildKillRun, 'before' | 'underLoad'>): number {
  const early = underLoad.slice(0, Math.ceil(underLoad.length / 3));
  return Math.max(...[before, ...early].map(({ proxy }) => proxy.rss));
}

/** What was measured, a line each. */
export function summary(run: ChildKillRun): string[] {
  const { records, kills, dremio, before, after, underLoad } = run;
  const audit = auditOf(run);
  const failed = records.filter(isFailed);
  const slowest = (some: readonly CallRecord[]) =>
    Math.max(0, ...some.map(({ start, end }) => end - start));
  const perKill = kills.map((kill) => {
    const own = failed.filter((record) => blame(run, audit, record) === kill);
    const next = records
      .filter((record) => !isFailed(record) && record.audited && record.start >= kill.moment)
      .map(({ end }) => end)
      .sort((a, b) => a - b)[0];
    return {
      failed: own.length,
      late: own.filter(({ start }) => start > kill.moment).length,
      delay: Math.max(0, ...own.map(({ end }) => end - kill.moment)),
      noticed: kill.noticed - kill.moment,
      next: next === undefined ? Number.NaN : next - kill.moment,
    };
  });
  const list = (field: keyof (typeof perKill)[number]) =>
    perKill.map((one) => one[field]).join(' ');
  const kinds = Map.groupBy(records, ({ what }) => what);
  return [
    `${records.length} calls, ${failed.length} failed, ${kills.length} kills; slowest call ${slowest(records)} ms`,
    ...[...kinds].map(
      ([what, some]) =>
        `${what}: ${some.length} calls, ${some.filter(isFailed).length} failed, slowest ${slowest(some)} ms`,
    ),
    `queries over 1 s: ${records.filter(({ what, start, end }) => what === 'RunSqlQuery' && end - start > 1_000).length}, over 3 s: ${records.filter(({ what, start, end }) => what === 'RunSqlQuery' && end - start > 3_000).length}`,
    `failed calls per kill: ${list('failed')}`,
    `of these begun after the kill: ${list('late')}`,
    `longest time from a kill to the error of a call, in ms: ${list('delay')}`,
    `time from a kill to its line in the log, in ms: ${list('noticed')}`,
    `time from a kill to the next answer of a call begun after it, in ms: ${list('next')}`,
    `before: ${inWords(before)}`,
    `after: ${inWords(after)}`,
    `proxy under load, MiB: ${underLoad.map(({ proxy }) => (proxy.rss / MIB).toFixed(1)).join(' ')}`,
    `proxy under load, descriptors: ${underLoad.map(({ proxy }) => proxy.descriptors).join(' ')}`,
    `${dremio.requests} requests at Dremio with ${dremio.tokens} tokens, ${dremio.badTokens} with one not valid`,
    `starts of children: ${[...run.childStarts].map(([reason, count]) => `${reason} ${count}`).join(', ')}`,
  ];
}

export function judge(run: ChildKillRun): void {
  const { records, kills, before, after, underLoad, dremio, options } = run;
  const audit = auditOf(run);
  const failed = records.filter(isFailed);

  const complaints = failed.flatMap((record) => {
    const text = complaint(record, blame(run, audit, record));
    return text === undefined ? [] : [{ ...record, text, audit: audit.get(digestOf(record.id)) }];
  });
  assert.deepEqual(complaints.slice(0, 3), [], `${complaints.length} calls failed for no kill`);
  assert.ok(failed.length > 0, 'the kills met calls');

  // Seen from the other side: what the proxy says it lost, its clients know.
  const calls = records.filter(({ audited }) => audited);
  const lost = calls.filter(({ id }) => audit.get(digestOf(id))?.outcome === 'child_died');
  const failedCalls = failed.filter(({ audited }) => audited);
  assert.deepEqual(new Set(lost), new Set(failedCalls));
  const outcomes = new Set(calls.map(({ id }) => audit.get(digestOf(id))?.outcome));
  assert.deepEqual(outcomes, new Set(['ok', 'child_died']), 'every call has an audit line');

  for (const { why } of kills) assert.match(why, /was killed by SIGKILL/);
  // One more than those of the run: the one of the warm-up. A starved machine may start one twice.
  const { not_ready: _, ...starts } = Object.fromEntries(run.childStarts);
  assert.deepEqual(starts, { first: options.children, killed: kills.length + 1 });
  assert.equal(new Set(kills.map(({ generation }) => generation)).size, kills.length);

  const life = options.tokenLifeMs;
  const tokens = Math.floor((0.8 * options.durationMs) / life);
  assert.ok(dremio.tokens >= tokens, `${dremio.tokens} tokens in ${options.durationMs} ms`);
  assert.equal(dremio.badTokens, 0, 'requests with a token that was not valid');

  assert.equal(run.starts.after, run.starts.before, 'the proxy’s container was not restarted');
  assert.equal(after.proxy.pid, before.proxy.pid);
  assert.equal(after.processes.length, before.processes.length, inWords(after));
  for (const { zombies } of [before, ...underLoad, after]) assert.equal(zombies, 0);
  assert.equal(after.folders, options.children, 'private folders of children that are gone');
  const { proxy } = after;
  assert.ok(proxy.descriptors <= before.proxy.descriptors + MORE_DESCRIPTORS, inWords(after));
  const usual = usualMemory(run);
  assert.ok(
    proxy.rss <= usual + options.memoryGrowth,
    `${(usual / MIB).toFixed(1)} MiB were usual; ${inWords(after)}`,
  );
}
