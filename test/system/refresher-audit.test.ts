import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger } from '../../images/kit/src/logger.ts';
import { checkKilled, checkStopped, startLives } from '../fixtures/refresher/lives.ts';
import { AUDIT_EVENTS, auditTrail, problemsOf } from '../fixtures/refresher/log-schema.ts';
import { liveThrough } from '../fixtures/refresher/troubled-life.ts';

describe("the refresher's record", () => {
  it('R11: has no gap and no line out of form in 10,000 events of several parts of a program', () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line.slice(0, -1)) };
    const log = createLogger({ service: 'refresher', level: 'warn', destination });
    const logs = [log, log.child({}), log.child({}).child({})];
    for (let n = 0; n < 10_000; n++) {
      logs[n % logs.length]?.audit('first_user_created', { username: `user "${n}"\\ü` });
      logs[n % logs.length]?.info('not_written');
    }
    const trail = auditTrail(lines);
    assert.equal(trail.length, 10_000);
    assert.equal(new Set(trail.map(({ run }) => run)).size, 1);
  });

  it('R11: tells everything that happens to it, each event with its own fields and no others', async () => {
    const events = new Set(auditTrail(await liveThrough(24)).map(({ event }) => event));
    // Those of the process are told by the process.
    const expected = Object.keys(AUDIT_EVENTS).filter(
      (event) => !/^(starting|stopped)$/.test(event),
    );
    assert.deepEqual([...events].sort(), expected.sort());
  });

  it('R11: begins with "starting" in each of 5 runs and is whole after SIGTERM and SIGKILL', async () => {
    const lives = await startLives();
    const runs = new Set<string>();
    try {
      for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGTERM'] as const) {
        const life = await lives.live('during a write', signal);
        await (signal === 'SIGTERM' ? checkStopped : checkKilled)(lives, life);
        runs.add(auditTrail(life.lines)[0]?.run ?? '');
      }
      assert.equal(runs.size, 5);
    } finally {
      await lives.end();
    }
  });
});

describe('the check of log lines in these tests', () => {
  const good =
    '{"level":"info","time":"2026-03-02T06:00:00.000Z","service":"refresher","event":"token_refused",' +
    '"audit":true,"run":"0011223344556677","seq":1,"fingerprint":"0011223344556677"}';
  const wrong: Record<string, [string, string]> = {
    'a torn line': ['}', ''],
    'a field twice': ['"seq":1', '"seq":1,"seq":1'],
    'another level': ['"info"', '"trace"'],
    'a time without milliseconds': ['.000Z', 'Z'],
    'a time with an offset': ['.000Z', '.000+00:00'],
    'another service': ['"refresher"', '"proxy"'],
    'an event that is not documented': ['token_refused', 'token_forgotten'],
    'an audit line without a number': ['"seq":1,', ''],
    'a number that is none': ['"seq":1', '"seq":"1"'],
    'a field that the event has not': ['"seq":1', '"seq":1,"token":"x"'],
    'an event without its field': [',"fingerprint":"0011223344556677"', ''],
    'a number without audit': ['"audit":true,', ''],
  };
  it('finds nothing wrong with a line in order', () => assert.deepEqual(problemsOf(good), []));
  for (const [name, [from, to]] of Object.entries(wrong))
    it(`finds ${name}`, () => assert.notDeepEqual(problemsOf(good.replace(from, to)), []));
  it('finds a gap, a line twice and a line of another run', () => {
    const line = (seq: number, run = '0011223344556677') =>
      good.replace('"seq":1', `"seq":${seq}`).replace(/"run":"\w+"/, `"run":"${run}"`);
    assert.equal(auditTrail([line(1), line(2)]).length, 2);
    assert.throws(() => auditTrail([line(1), line(3)]), /after audit line 1 .* comes/);
    assert.throws(() => auditTrail([line(1), line(1)]), /after audit line 1 .* comes/);
    assert.throws(() => auditTrail([line(2)]), /after audit line 0 .* comes/);
    assert.throws(() => auditTrail([line(1), line(2, 'ffffffffffffffff')]), /comes/);
  });
});
