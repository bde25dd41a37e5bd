import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { createLogger } from '../../images/kit/src/logger.ts';
import { readSettings } from '../../images/kit/src/settings.ts';
import { openDesk } from '../../images/proxy/src/desk.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import type { Answer, CallOptions, Upstream } from '../../images/proxy/src/upstream/upstream.ts';

const caller = { principal: 'p', session: 's' };
const call = (id: number) =>
  parsePayload(
    Buffer.from(
      JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 't' } }),
    ),
  ).messages[0] as ClientRequest;

/** Calls before a server that answers when the test says so. */
function open(env: Record<string, string>, callTimeout = 0.05) {
  const atServer: ((answer: Answer) => void)[] = [];
  const signals: AbortSignal[] = [];
  const upstream = {
    call: (_: ClientRequest, { signal }: CallOptions) => {
      signals.push(signal);
      return new Promise<Answer>((resolve) => atServer.push(resolve));
    },
    tools: () => new Map(),
    listen: () => () => {},
  } as unknown as Upstream;
  const alarms: (() => void)[] = [];
  const nothing = () => {};
  const desk = openDesk({
    settings: {
      ...readSettings(proxySettings, { DREMIO_URL: 'http://d', ...env }),
      callTimeout,
    },
    keys: { optionsOf: () => undefined },
    upstream,
    observer: { ended: nothing, waited: nothing, refused: nothing, denied: nothing },
    // A wait for a place ends when the test says so.
    clock: { now: () => 0, sleep: () => new Promise((resolve) => alarms.push(resolve)) },
    log: createLogger({ service: 'proxy', level: 'error', destination: { write: nothing } }),
  });
  return { ...desk, atServer, signals, alarms };
}

describe('the deadline of a call', () => {
  it('P4: is the configured time after its arrival, whatever the server does', async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    const { calls, atServer, signals } = open({}, 120);
    const running = calls.run(call(1), caller, () => {});
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(119_750);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false],
    );
    mock.timers.tick(500);
    assert.equal(signals[0]?.reason.outcome, 'timeout');
    assert.equal(signals[0]?.reason.message, 'no answer within 120 s');
    atServer[0]?.({ message: [], outcome: 'timeout', generation: 1 });
    assert.equal((await running).outcome, 'timeout');
  });

  it('counts the time in the queue, and ends the wait there', async () => {
    const { calls, admission, atServer } = open({ MAX_IN_FLIGHT: '1' });
    const answers = [1, 2].map((id) => calls.run(call(id), caller, () => {}));
    assert.deepEqual([atServer.length, admission.waiting, calls.inFlight], [1, 1, 2]);
    const waited = await answers[1];
    assert.equal(waited?.outcome, 'timeout');
    const { id, error } = JSON.parse(String(waited?.message[0]));
    assert.deepEqual([id, error.code, error.data], [2, -32001, { reason: 'timeout' }]);
    atServer[0]?.({ message: [], outcome: 'ok', generation: 1 });
    await answers[0];
    assert.deepEqual([atServer.length, admission.byKey.size, calls.inFlight], [1, 0, 0]);
  });

  it('ends the wait for what the server says of its tools, too', async () => {
    const { calls, atServer } = open({ TOOLS_READ_ONLY: 'true' });
    const answer = await calls.run(call(1), caller, () => {});
    assert.equal(answer.outcome, 'timeout');
    assert.equal(atServer.length, 1, 'asked for its tools alone');
  });

  it('leaves the place to the next, whatever happens at the server', async () => {
    const { calls, atServer } = open({ MAX_IN_FLIGHT: '1' });
    const [first, second] = [1, 2].map((id) => calls.run(call(id), caller, () => {}));
    atServer[0]?.({ message: [], outcome: 'child_died', generation: 1 });
    assert.equal((await first)?.outcome, 'child_died');
    assert.equal(atServer.length, 2);
    atServer[1]?.({ message: [], outcome: 'ok', generation: 2 });
    assert.equal((await second)?.outcome, 'ok');
    assert.equal(calls.inFlight, 0);
  });
});

describe('a call that waited too long for a place', () => {
  it('is answered 503 with the limit and when to come again', async () => {
    const { calls, atServer, alarms } = open({ MAX_IN_FLIGHT: '1', QUEUE_WAIT: '0.2' });
    const [first, second] = [1, 2].map((id) => calls.run(call(id), caller, () => {}));
    alarms[0]?.();
    const { message, ...rest } = (await second) as Answer;
    assert.deepEqual(rest, { outcome: 'refused', generation: 0, status: 503, retryAfter: 2 });
    assert.deepEqual(JSON.parse(String(message[0])), {
      jsonrpc: '2.0',
      id: 2,
      error: {
        code: -32603,
        message:
          'the proxy is full: this request waited 0.2 s for the MCP server (QUEUE_WAIT); try again in 2 s',
        data: { reason: 'over_limit', limit: 'QUEUE_WAIT', value: 0.2, retryAfter: 2 },
      },
    });
    atServer[0]?.({ message: [], outcome: 'ok', generation: 1 });
    await first;
    assert.equal(atServer.length, 1);
  });
});

describe('children that work on one request at a time', () => {
  const other = { principal: 'q', session: 'r' };

  it('take requests of each key in turns, however many one of them sends', async () => {
    const { calls, admission, atServer } = open({ CHILD_SHARING: 'call', CHILD_COUNT: '2' }, 10);
    const many = Array.from({ length: 10 }, (_, id) => calls.run(call(id), caller, () => {}));
    const one = calls.run(call(99), other, () => {});
    assert.deepEqual([atServer.length, admission.waiting], [2, 9], 'as many as there are children');
    const answer: Answer = { message: [], outcome: 'ok', generation: 1 };
    let served = 0;
    void one.then(() => {
      served = atServer.length;
    });
    for (let turn = 0; turn < 11; turn++) {
      atServer[turn]?.(answer);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([...many, one]);
    assert.ok(served <= 6, `the other key was served after ${served}`);
  });

  it('are as many as may be asked at once, where that is set lower', () => {
    const env = { CHILD_SHARING: 'call', CHILD_COUNT: '4', MAX_IN_FLIGHT: '1' };
    const { calls, atServer } = open(env, 10);
    for (const id of [1, 2]) void calls.run(call(id), caller, () => {});
    assert.equal(atServer.length, 1);
    calls.giveUp('the test is over');
  });
});
