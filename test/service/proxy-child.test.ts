import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../images/kit/src/clock.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { WATCH } from '../../images/proxy/src/upstream/stdio/life.ts';
import { StdioUpstream } from '../../images/proxy/src/upstream/stdio/stdio-upstream.ts';
import { CallAborted } from '../../images/proxy/src/upstream/upstream.ts';
import {
  type Bench,
  callTool,
  connectClient,
  eventsOf,
  FAKE_CHILD,
  HEADERS,
  type Json,
  OTHER_KEY,
  openSession,
  post,
  type RpcAnswer,
  startBench,
  textOf,
  toolCall,
  until,
} from '../fixtures/proxy/harness.ts';
import { SteppedClock } from '../helpers/stepped-clock.ts';

/** True for a running process; one that only waits to be collected is gone. */
const isAlive = (pid: number) => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describe('a proxy before one child', () => {
  let bench: Bench;
  let session: string;
  const call = (name: string, given: Json = {}, id: number | string = 1) =>
    callTool(bench.url, session, name, given, id);
  const environment = async () =>
    JSON.parse(textOf(await call('environment'))) as {
      env: Record<string, string>;
      argv: string[];
      cwd: string;
      pid: number;
    };

  before(async () => {
    bench = await startBench({ env: { CALL_TIMEOUT: '1', MESSAGE_LIMIT: '100000' } });
    session = await openSession(bench.url);
  });
  after(() => bench[Symbol.asyncDispose]());

  it('serves a client of the official SDK', async () => {
    const client = await connectClient(bench.url);
    const progress: number[] = [];
    assert.ok((await client.listTools()).tools.some(({ name }) => name === 'echo'));
    const result = await client.callTool({ name: 'progress', arguments: { steps: 3 } }, undefined, {
      onprogress: (step) => progress.push(step.progress),
    });
    assert.deepEqual(result.content, [{ type: 'text', text: 'finished' }]);
    assert.deepEqual(progress, [1, 2, 3]);
    await client.close();
  });

  it('P20: gives the child nothing of our environment but a fixed list', async () => {
    const { env, argv, cwd } = await environment();
    const allowed = [
      'HOME',
      'TMPDIR',
      'PATH',
      'LANG',
      'PYTHONDONTWRITEBYTECODE',
      'PYTHONUNBUFFERED',
    ];
    // A shell between us and the fixture adds these; the official server is started without one.
    const ofTheShell = ['PWD', 'OLDPWD', 'SHLVL', '_'];
    assert.deepEqual(
      Object.keys(env).filter((name) => ![...allowed, ...ofTheShell].includes(name)),
      [],
    );
    assert.equal(env.HOME, cwd);
    const file = join(cwd, 'config.yaml');
    const rest = ['--no-log-to-file', '--enable-json-logging', '--log-level', 'INFO'];
    assert.deepEqual(argv, ['run', '-c', file, ...rest]);
    for (const name of await readdir(cwd))
      assert.equal((await stat(join(cwd, name))).mode & 0o777, 0o600, name);
    assert.equal((await stat(cwd)).mode & 0o777, 0o700);
    const config = JSON.parse(await readFile(file, 'utf8'));
    assert.match(config.dremio.uri, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(config.dremio.allow_dml, false);
    assert.equal(config.tools.server_mode, 'FOR_DATA_PATTERNS');
  });

  it('tells progress in order and before the result, with the client’s own token', async () => {
    const tokens: (string | number)[] = ['same', 'same', 7, 'ü"\\'];
    const streams = await Promise.all(
      tokens.map(async (progressToken) => {
        const message = toolCall('progress', { steps: 20 }, 'p', { progressToken });
        const response = await post(bench.url, message, { 'mcp-session-id': session });
        assert.equal(response.headers.get('content-type'), 'text/event-stream');
        assert.equal(response.headers.get('x-accel-buffering'), 'no');
        return eventsOf(await response.text()).map((event) => JSON.parse(event));
      }),
    );
    for (const [i, events] of streams.entries()) {
      const last = events.pop() as RpcAnswer;
      assert.equal(textOf(last), 'finished');
      assert.equal(last.id, 'p');
      assert.deepEqual(
        events.map(({ params }: { params: Json }) => params),
        Array.from({ length: 20 }, (_, step) => ({
          progressToken: tokens[i],
          progress: step + 1,
          total: 20,
        })),
      );
    }
  });

  it('leaves progress out for a client that takes JSON only', async () => {
    const message = toolCall('progress', { steps: 2 }, 1, { progressToken: 1 });
    const headers = { 'mcp-session-id': session, accept: 'application/json' };
    const response = await post(bench.url, message, headers);
    assert.equal(textOf((await response.json()) as RpcAnswer), 'finished');
  });

  it('faults 8, 9 and 11: understands output in any pieces and passes over what is not JSON-RPC', async () => {
    assert.equal(textOf(await call('scattered')), 'ä€😀');
    assert.equal(textOf(await call('garbage')), 'clean');
    const neighbours = Array.from({ length: 20 }, (_, i) => call('echo', { text: `${i}` }, i));
    assert.equal(textOf(await call('noise', { lines: 200 })), 'quiet again');
    for (const [i, answer] of (await Promise.all(neighbours)).entries())
      assert.deepEqual([answer.id, textOf(answer)], [i, `${i}`]);
  });

  it('fault 10: fails only the call whose answer is too large, wherever its id stands', async () => {
    const [large, late, neighbour] = await Promise.all([
      call('big', { bytes: 200_000 }),
      call('big', { bytes: 200_000, idLast: true }),
      call('sleep', { ms: 50 }),
    ]);
    for (const answer of [large, late]) {
      assert.equal(answer.error?.data?.reason, 'result_too_large');
      assert.match(answer.error?.message ?? '', /the limit is 100000; ask for less/);
    }
    assert.equal(textOf(neighbour), 'awake');
    assert.equal(textOf(await call('big', { bytes: 90_000, idLast: true })).length, 90_000);
  });

  it('P4: answers a call at its deadline, tells the child, and keeps a child that still answers', async () => {
    const { pid } = await environment();
    const start = performance.now();
    const answer = await call('stuck');
    const took = performance.now() - start;
    assert.equal(answer.error?.code, -32001);
    assert.ok(took >= 990 && took < 3_000, `${took} ms`);
    assert.equal((JSON.parse(textOf(await call('cancelled'))) as unknown[]).length, 1);
    assert.equal((await environment()).pid, pid);
  });

  it('gives up a call that its client cancels, and none when several have that id', async () => {
    const cancel = (requestId: unknown, own = session) =>
      post(
        bench.url,
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } },
        { 'mcp-session-id': own },
      );
    const inFlight = () => until(async () => /in_flight 1\b/.test(await bench.metrics()));
    const one = call('sleep', { ms: 900 }, 'only');
    await inFlight();
    const stranger = await openSession(bench.url);
    await cancel('only', stranger);
    await cancel('other');
    await cancel('only');
    assert.match((await one).error?.message ?? '', /cancelled/);
    const twins = [call('sleep', { ms: 300 }, 1), call('sleep', { ms: 300 }, 1)];
    await until(async () => /in_flight 2\b/.test(await bench.metrics()));
    await cancel(1);
    assert.deepEqual((await Promise.all(twins)).map(textOf), ['awake', 'awake']);
  });

  it('P8: finishes a call whose client went away: in these revisions that is no cancelling', async () => {
    const gone = new AbortController();
    const left = fetch(bench.url, {
      method: 'POST',
      headers: { ...HEADERS, 'mcp-session-id': session },
      body: JSON.stringify(toolCall('wait')),
      signal: gone.signal,
    });
    await until(async () => /in_flight 1\b/.test(await bench.metrics()));
    gone.abort();
    await assert.rejects(left, { name: 'AbortError' });
    // What is asked on other connections now comes after the end of that one.
    for (const text of ['one', 'two']) await call('echo', { text }, text);
    assert.equal(textOf(await call('go', {}, 'go')), 'go');
    await until(async () => /in_flight 0\b/.test(await bench.metrics()));
    const outcomes = bench.log
      .filter(({ audit }) => audit)
      .map(({ tool, outcome }) => [tool, outcome]);
    assert.deepEqual(
      outcomes.findLast(([tool]) => tool === 'wait'),
      ['wait', 'ok'],
    );
  });

  it('answers the child’s own requests: a ping with a result, the rest with an error', async () => {
    assert.deepEqual(JSON.parse(textOf(await call('ask', { method: 'ping' }))).result, {});
    const refused = JSON.parse(textOf(await call('ask', { method: 'sampling/createMessage' })));
    assert.equal(refused.error.code, -32601);
  });

  it('tells every session of a new tool on one stream, and none of another client’s log', async () => {
    const other = await openSession(bench.url, undefined, OTHER_KEY);
    const open = async (id: string, authorization: string) => {
      const headers = { ...HEADERS, authorization, 'mcp-session-id': id };
      const response = await fetch(bench.url, { headers });
      assert.equal(response.status, 200);
      return response.body?.pipeThrough(new TextDecoderStream()).getReader();
    };
    const first = await open(session, HEADERS.authorization);
    const second = await open(session, HEADERS.authorization);
    const stranger = await open(other, `Bearer ${OTHER_KEY}`);
    await call('chatter');
    const before = await bench.status();
    await call('add_tool', { name: 'brand_new' });
    for (const stream of [second, stranger]) {
      let seen = '';
      while (eventsOf(seen).length === 0) seen += (await stream?.read())?.value ?? '';
      assert.deepEqual(eventsOf(seen), [
        '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
      ]);
      await stream?.cancel();
    }
    assert.deepEqual(eventsOf((await first?.read())?.value ?? ''), [], 'one stream of a session');
    await first?.cancel();
    // S11: what it offers now is known, and on record.
    const changed = await until(() => bench.log.find(({ event }) => event === 'tools_changed'));
    const { tools, tools_digest: digest } = await bench.status();
    assert.deepEqual(Object.keys(tools), [...Object.keys(before.tools), 'brand_new']);
    assert.notEqual(digest, before.tools_digest);
    assert.equal(changed.tools_digest, digest);
  });

  it('writes an audit line for each tool call, without its arguments, in an unbroken count', async () => {
    await call('echo', { text: 'confidential' });
    await call('fail');
    const lines = bench.log.filter(({ audit }) => audit === true);
    assert.deepEqual(
      lines.map(({ seq }) => seq),
      lines.map((_, i) => i + 1),
    );
    const [echo, fail] = lines.slice(-2);
    assert.equal(echo?.tool, 'echo');
    assert.equal(echo?.principal, 'first');
    assert.equal(echo?.outcome, 'ok');
    assert.match(String(echo?.arguments), /^sha256:[0-9a-f]{64}$/);
    assert.equal(typeof echo?.duration_ms, 'number');
    assert.equal(fail?.outcome, 'tool_error');
    assert.ok(!JSON.stringify(bench.log).includes('confidential'));
  });

  it('counts calls under labels that a client cannot multiply', async () => {
    for (let i = 0; i < 20; i++) await call(`invented_${i}`);
    const metrics = await bench.metrics();
    assert.ok(!metrics.includes('invented_'));
    assert.match(
      metrics,
      /calls_total\{method="tools\/call",tool="unknown",outcome="tool_error"\} 20/,
    );
    assert.match(metrics, /child_starts_total\{reason="first"\} 1/);
    assert.match(metrics, /lakehouse_proxy_sessions [1-9]/);
  });

  it('fault 12: wraps the child’s complaints into the log without credentials and not without end', async () => {
    await call('complain', { text: 'GET with Bearer abcdefgh12345678 and more' });
    await call('complain', { text: 'flood', lines: 5_000 });
    await until(() => bench.log.some(({ text }) => text === 'flood'));
    const said = bench.log.filter(({ event }) => event === 'child_stderr').map(({ text }) => text);
    assert.ok(said.includes('GET with Bearer [redacted] and more'));
    const flood = said.filter((text) => text === 'flood').length;
    assert.ok(flood <= 150, `${flood} lines`);
  });

  it('P2: fails the calls of a killed child at once and serves the same session again', async () => {
    const before = await environment();
    const waiting = Array.from({ length: 32 }, () => call('sleep', { ms: 900 }));
    await until(async () => /in_flight 32\b/.test(await bench.metrics()));
    const start = performance.now();
    const killer = call('die');
    for (const { error } of await Promise.all([...waiting, killer])) {
      assert.equal(error?.code, -32000);
      assert.match(error?.message ?? '', /was killed by SIGKILL/);
    }
    // A machine under load starts it in more than the second that a call has here.
    const now = await until(() => environment().catch(() => undefined));
    assert.ok(performance.now() - start < 5_000);
    assert.notEqual(now.pid, before.pid);
    assert.notEqual(now.cwd, before.cwd);
    await assert.rejects(stat(before.cwd), /ENOENT/);
    assert.match(await bench.metrics(), /child_starts_total\{reason="killed"\} 1/);
    assert.equal(bench.log.filter(({ audit }) => audit).at(-1)?.generation, 2);
  });
});

describe('supervision', { concurrency: true }, () => {
  const request = (name: string, given: Json = {}): ClientRequest => {
    const { messages } = parsePayload(Buffer.from(JSON.stringify(toolCall(name, given))));
    return messages[0] as ClientRequest;
  };
  /** An upstream of its own, stopped when the test ends. */
  function upstreamFor(
    test: { after(fn: () => Promise<void>): void },
    { args = [] as string[], command = process.execPath, clock = systemClock as Clock, watch = {} },
  ) {
    const starts: string[] = [];
    const upstream = new StdioUpstream({
      launch: async () => ({
        command,
        args: command === process.execPath ? [FAKE_CHILD, ...args] : args,
        env: { PATH: '/usr/bin:/bin' },
        cwd: tmpdir(),
        release: async () => {},
      }),
      clientInfo: { name: 'test', version: '1' },
      messageLimit: 1_000_000,
      startPatienceMs: 5_000,
      maxInFlight: 2,
      watch: { ...WATCH, ...watch },
      clock,
      log: createLogger({ service: 'proxy', level: 'error', destination: { write: () => true } }),
      onStart: (reason) => starts.push(reason),
    });
    test.after(() => upstream.stop());
    return { upstream, starts };
  }
  const options = (signal = new AbortController().signal) => ({
    caller: { principal: 'p', session: 's' },
    onMessage: () => {},
    signal,
  });
  const textIn = (message: readonly Buffer[]) => Buffer.concat(message).toString();

  it('fault 4: replaces a child that no longer answers, and only then', async (t) => {
    const { upstream, starts } = upstreamFor(t, { watch: { suspectPatienceMs: 100 } });
    await upstream.handshake(5_000);
    const frozen = upstream.pid ?? 0;
    const deadline = new AbortController();
    const call = upstream.call(request('freeze'), options(deadline.signal));
    await until(async () => (await readFile(`/proc/${frozen}/stat`, 'utf8')).includes(') T '));
    deadline.abort(new CallAborted('timeout', 'too late'));
    assert.equal((await call).outcome, 'timeout');
    await until(() => upstream.pid !== undefined && upstream.pid !== frozen);
    assert.deepEqual(starts, ['first', 'hung']);
    assert.ok(!isAlive(frozen));
    assert.equal((await upstream.call(request('echo', { text: 'x' }), options())).outcome, 'ok');
  });

  it('fault 4: finds a frozen child by its own pings', async (t) => {
    const { upstream, starts } = upstreamFor(t, {
      watch: { pingEveryMs: 50, pingPatienceMs: 100 },
    });
    await upstream.handshake(5_000);
    process.kill(upstream.pid ?? 0, 'SIGSTOP');
    await until(() => starts.length === 2);
    assert.equal(starts[1], 'hung');
  });

  it('fault 5: replaces a child that closed its output and lives', async (t) => {
    const { upstream, starts } = upstreamFor(t, {});
    const answer = await upstream.call(request('close_output'), options());
    assert.equal(answer.outcome, 'child_died');
    await until(() => starts.length === 2);
  });

  it('refuses more calls than the child may have in flight', async (t) => {
    const { upstream } = upstreamFor(t, {});
    const running = [1, 2].map(() => upstream.call(request('sleep', { ms: 100 }), options()));
    await upstream.handshake(5_000);
    await until(async () => {
      const { outcome, retryAfter } = await upstream.call(request('echo'), options());
      return outcome === 'unavailable' && retryAfter === 1;
    });
    assert.deepEqual(
      (await Promise.all(running)).map(({ outcome }) => outcome),
      ['ok', 'ok'],
    );
  });

  it('P3, faults 1 and 3: starts a child that ends at once ever more rarely, says so, and comes back when it is well', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'lakehouse-proxy-test-'));
    t.after(() => rm(folder, { recursive: true }));
    const script = join(folder, 'child');
    await writeFile(script, '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    const clock = new SteppedClock();
    const { upstream, starts } = upstreamFor(t, { command: script, clock: clock.participant() });
    const times: number[] = [];
    const begin = clock.now();
    for (const pause of [1_000, 1_000, 2_000, 4_000]) {
      await until(() => upstream.health()[0]?.code === 'child_restarting');
      times.push(clock.now() - begin);
      await clock.advance(pause - 1);
      assert.equal(upstream.health()[0]?.code, 'child_restarting', 'not before its time');
      await clock.advance(1);
    }
    assert.equal(upstream.children().breakersOpen, 0);
    await until(() => upstream.health()[0]?.code === 'child_crash_loop');
    assert.equal(upstream.children().breakersOpen, 1);
    assert.equal(starts.length, 5);
    assert.match(
      upstream.health()[0]?.message ?? '',
      /ended with exit code 3; the next start is in 30 s/,
    );
    const answer = await upstream.call(request('echo'), options());
    assert.equal(answer.outcome, 'unavailable');
    assert.equal(answer.retryAfter, 30);
    assert.match(textIn(answer.message), /"reason":"child_crash_loop"/);
    await writeFile(script, `#!/bin/sh\nexec '${process.execPath}' '${FAKE_CHILD}'\n`, {
      mode: 0o755,
    });
    await clock.advance(30_000);
    await until(() => upstream.health().length === 0);
    assert.equal(upstream.children().breakersOpen, 0);
    assert.equal((await upstream.call(request('echo', { text: 'x' }), options())).outcome, 'ok');
    assert.deepEqual(starts, ['first', ...Array(5).fill('not_ready')]);
  });

  it('fault 1: does not wait for ever for a child that never answers initialize', async (t) => {
    const clock = new SteppedClock();
    const { upstream } = upstreamFor(t, { args: ['--silent'], clock: clock.participant() });
    await until(() => clock.sleeping > 0);
    assert.equal(upstream.health()[0]?.code, 'child_starting');
    await clock.advance(30_000);
    await until(() => upstream.health()[0]?.code === 'child_restarting');
    assert.match(upstream.health()[0]?.message ?? '', /did not answer initialize in time/);
  });

  it('fault 15: says what is wrong with an executable that cannot be started', async (t) => {
    const { upstream } = upstreamFor(t, { command: '/nowhere/dremio-mcp-server' });
    await until(() => upstream.health()[0]?.code === 'child_restarting');
    assert.match(
      upstream.health()[0]?.message ?? '',
      /could not be started: \/nowhere\/dremio-mcp-server: ENOENT/,
    );
  });

  it('negotiates no newer revision than the child speaks', async (t) => {
    const { upstream } = upstreamFor(t, { args: ['--protocol=2025-06-18'] });
    assert.equal((await upstream.handshake(5_000))?.protocolVersion, '2025-06-18');
  });

  it('P2: gives no call to a child that has ended, although a process of its own still holds its output', async (t) => {
    const { upstream } = upstreamFor(t, {});
    await upstream.call(request('grandchild'), options());
    const { pid } = upstream;
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    // Collected: the proxy has just been told.
    await until(() => !existsSync(`/proc/${pid}`));
    assert.equal((await upstream.call(request('echo', { text: 'x' }), options())).outcome, 'ok');
  });

  it('fault 7: leaves no process behind, not even one that the child started and that holds its output', async (t) => {
    const { upstream } = upstreamFor(t, {});
    const answer = await upstream.call(request('grandchild'), options());
    const grandchild = Number(/\\"pid\\":(\d+)/.exec(textIn(answer.message))?.[1]);
    const child = upstream.pid ?? 0;
    assert.ok(isAlive(grandchild) && isAlive(child));
    await upstream.stop();
    await until(() => !isAlive(grandchild) && !isAlive(child));
    assert.equal((await upstream.call(request('echo'), options())).outcome, 'unavailable');
  });
});
