import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger } from '../../images/kit/src/logger.ts';
import { readSettings } from '../../images/kit/src/settings.ts';
import { openDesk } from '../../images/proxy/src/desk.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import type { Answer, Upstream } from '../../images/proxy/src/upstream/upstream.ts';

const caller = { principal: 'p', session: 's' };
const call = (id: number) =>
  parsePayload(
    Buffer.from(
      JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 't' } }),
    ),
  ).messages[0] as ClientRequest;

/** Calls before a server that answers when the test says so. */
function open(env: Record<string, string>) {
  const atServer: ((answer: Answer) => void)[] = [];
  const upstream = {
    call: () => new Promise<Answer>((resolve) => atServer.push(resolve)),
    toolNames: () => new Set(),
    listen: () => () => {},
  } as unknown as Upstream;
  const alarms: (() => void)[] = [];
  const nothing = () => {};
  const desk = openDesk({
    settings: {
      ...readSettings(proxySettings, { DREMIO_URL: 'http://d', ...env }),
      callTimeout: 0.05,
    },
    keys: { optionsOf: () => undefined },
    upstream,
    observer: { ended: nothing, waited: nothing, refused: nothing, denied: nothing },
    // A wait for a place ends when the test says so.
    clock: { now: () => 0, sleep: () => new Promise((resolve) => alarms.push(resolve)) },
    log: createLogger({ service: 'proxy', level: 'error', destination: { write: nothing } }),
  });
  return { ...desk, atServer, alarms };
}

describe('the deadline of a call', () => {
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
