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
  const nothing = () => {};
  const desk = openDesk({
    settings: {
      ...readSettings(proxySettings, { DREMIO_URL: 'http://d', ...env }),
      callTimeout: 0.05,
    },
    keys: { optionsOf: () => undefined },
    upstream,
    observer: { ended: nothing, waited: nothing, refused: nothing, denied: nothing },
    // No wait for a place ends by itself.
    clock: { now: () => 0, sleep: () => new Promise(() => {}) },
    log: createLogger({ service: 'proxy', level: 'error', destination: { write: nothing } }),
  });
  return { ...desk, atServer };
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
