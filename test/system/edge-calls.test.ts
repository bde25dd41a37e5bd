/** Which proxy gets a call from the edge, how often, and what becomes of it when that proxy is gone or hangs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { request } from 'undici';
import { openScene, type Replica, type Scene } from '../helpers/edge-scene.ts';
import { CADDY, goProgram } from '../helpers/go-program.ts';
import { eventually } from '../helpers/stack.ts';

const { path: caddy, skip } = await goProgram(CADDY);
/** What a busy machine may add to a time that is promised. */
const LATE_MS = 5_000;
const SESSIONS = Array.from({ length: 40 }, (_, i) => `session-${i}`);

const replicaOf = async (scene: Scene, session: string): Promise<string> => {
  const answer = await scene.ask({ headers: { 'mcp-session-id': session } });
  assert.equal(answer.status, 200, answer.text);
  return (JSON.parse(answer.text) as { replica: string }).replica;
};
/** The replica of each session. */
async function homes(scene: Scene): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const session of SESSIONS) found.set(session, await replicaOf(scene, session));
  return found;
}
const pick = (scene: Scene, address: string | undefined): Replica =>
  scene.replicas.find((replica) => replica.address === address) ?? assert.fail(`${address}`);
const posts = async (replica: Replica) => (await replica.state()).seen.length;

describe('calls through the edge', { skip }, () => {
  it('a session stays with one proxy, and sessions are spread', async () => {
    await using scene = await openScene({ caddy });
    const first = await homes(scene);
    assert.deepEqual(await homes(scene), first);
    assert.equal(new Set(first.values()).size, 2, 'both proxies have sessions');
  });

  it('calls without a session take turns', async () => {
    await using scene = await openScene({ caddy });
    for (let i = 0; i < 20; i++) assert.equal((await scene.ask()).status, 200);
    for (const replica of scene.replicas) assert.ok((await posts(replica)) >= 5);
  });

  it('a proxy that has gone loses its sessions to the others, and no call fails, also before its name has gone', async () => {
    await using scene = await openScene({ caddy, replicas: 3 });
    const before = await homes(scene);
    const [gone, ...rest] = scene.replicas as [Replica, ...Replica[]];
    await gone.stop();
    const meanwhile = await homes(scene);
    scene.serveBy(...rest);
    await eventually('the name is asked again', async () => {
      const { looks } = await (rest[0] as Replica).state();
      await replicaOf(scene, 'session-0');
      return looks > 0;
    });
    const after = await homes(scene);
    for (const [session, home] of before) {
      assert.notEqual(meanwhile.get(session), gone.address);
      assert.notEqual(after.get(session), gone.address);
      if (home !== gone.address) assert.equal(after.get(session), home, 'others keep theirs');
    }
  });

  it('a proxy that hangs does not keep its sessions waiting, and gets none of their calls, also not later', async (t) => {
    await using scene = await openScene({ caddy });
    const first = await homes(scene);
    const paused = pick(scene, first.get('session-0'));
    const other = scene.replicas.find((replica) => replica !== paused) as Replica;
    const had = await posts(paused);
    paused.pause();
    const theirs = SESSIONS.filter((session) => first.get(session) === paused.address).slice(0, 3);
    const times: number[] = [];
    for (const session of theirs) {
      const start = performance.now();
      assert.equal(await replicaOf(scene, session), other.address);
      times.push(performance.now() - start);
    }
    t.diagnostic(`ms until answered by the other: ${times.map(Math.round)}`);
    // At most two looks of 1 s at the one that hangs.
    for (const ms of times) assert.ok(ms < 2_500 + LATE_MS, `${ms}`);
    paused.resume();
    assert.equal(await posts(paused), had, 'no call was left in its hands');
    await eventually('its sessions come back', async () => {
      return (await replicaOf(scene, 'session-0')) === paused.address;
    });
  });

  it('a proxy that hangs costs nothing while a stream is open: it is remembered', async () => {
    await using scene = await openScene({ caddy });
    const first = await homes(scene);
    const paused = pick(scene, first.get('session-0'));
    const home = SESSIONS.find((session) => first.get(session) !== paused.address);
    const stream = await request(`https://mcp.example:${scene.ports.https}/mcp`, {
      dispatcher: scene.agent,
      headers: { 'mcp-session-id': home ?? '' },
    });
    paused.pause();
    const begun = scene.log.length;
    await replicaOf(scene, 'session-0');
    await replicaOf(scene, 'session-0');
    const retries = await eventually('both are logged', async () => {
      const lines = scene.log.slice(begun).filter(({ status }) => status === 200);
      return lines.length === 2 && lines.map((line) => Number(line.retries));
    });
    assert.ok((retries[0] ?? 0) >= 1 && retries[1] === 0, `asked again: ${retries}`);
    stream.body.on('error', () => {}).destroy();
    paused.resume();
  });

  it('a call that was sent is not sent again when its proxy dies of it', async () => {
    await using scene = await openScene({ caddy });
    const call = scene.ask({ body: JSON.stringify({ delay: 60_000 }) });
    const holder = await eventually('the call has arrived', async () => {
      for (const replica of scene.replicas) if ((await posts(replica)) > 0) return replica;
      return undefined;
    });
    await holder.stop();
    const { status, headers, text } = await call;
    assert.equal(status, 502, text);
    assert.equal(headers['retry-after'], '2');
    assert.equal(JSON.parse(text).status, 502);
    for (const replica of scene.replicas)
      if (replica !== holder) assert.equal(await posts(replica), 0);
  });

  it('a proxy that is busy keeps its sessions, and its answer with Retry-After comes through', async () => {
    await using scene = await openScene({ caddy });
    const headers = { 'mcp-session-id': 'session-0' };
    const home = await replicaOf(scene, 'session-0');
    for (let i = 0; i < 10; i++) {
      const answer = await scene.ask({ headers, body: '{"status":503}' });
      assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '7']);
      assert.equal(JSON.parse(answer.text).replica, home);
    }
  });

  it('no proxy at all: 503 with Retry-After in the end, and service again as soon as one is there', async () => {
    const edits = [['lb_try_duration 20s', 'lb_try_duration 6s']] as const;
    await using scene = await openScene({ caddy, edits });
    scene.serveBy();
    await eventually('the name has gone', async () => {
      const lost = await scene.operations('/readyz');
      return lost.status === 503;
    });
    const waiting = scene.ask();
    const { status, headers, text } = await waiting;
    assert.deepEqual([status, headers['retry-after']], [503, '2']);
    assert.equal(headers['content-type'], 'application/problem+json');
    assert.deepEqual(JSON.parse(text), {
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
    });
    const patient = scene.ask();
    scene.serveBy(...scene.replicas);
    assert.equal((await patient).status, 200);
  });

  it('events of a stream arrive one by one, and the proxy hears that the client has gone', async () => {
    for (const tls of ['files', 'none'] as const) {
      await using scene = await openScene({ caddy, replicas: 1, options: { tls } });
      const [replica] = scene.replicas as [Replica];
      const { https, http } = scene.ports;
      const url = tls === 'none' ? `http://mcp.example:${http}` : `https://mcp.example:${https}`;
      const stream = await request(`${url}/mcp`, { dispatcher: scene.agent });
      assert.equal(stream.headers['content-type'], 'text/event-stream');
      const events = stream.body[Symbol.asyncIterator]();
      assert.match(String((await events.next()).value), /opened by/);
      for (const n of [1, 2]) {
        await replica.operate('/emit');
        assert.equal(String((await events.next()).value), `data: event ${n}\n\n`);
      }
      assert.equal((await replica.state()).streams, 1);
      stream.body.on('error', () => {}).destroy();
      await eventually('the stream is closed', async () => (await replica.state()).streams === 0);
    }
  });

  it('a client that goes away takes its call back from the proxy', async () => {
    await using scene = await openScene({ caddy, replicas: 1 });
    const [replica] = scene.replicas as [Replica];
    const leaving = new AbortController();
    const stream = request(`https://mcp.example:${scene.ports.https}/mcp`, {
      dispatcher: scene.agent,
      signal: leaving.signal,
    });
    await eventually('it is open', async () => (await replica.state()).streams === 1);
    await stream;
    leaving.abort();
    await eventually('it is closed', async () => (await replica.state()).streams === 0);
  });
});

describe('the operations port of the edge', { skip }, () => {
  it('is alive and started on its own, and ready while some proxy is', async () => {
    await using scene = await openScene({ caddy });
    const status = async (path: string) => (await scene.operations(path)).status;
    const [one, two] = scene.replicas as [Replica, Replica];
    assert.equal(await status('/readyz'), 200);
    await one.operate('/ready?is=false');
    for (let i = 0; i < 10; i++) assert.equal(await status('/readyz'), 200);
    await two.operate('/ready?is=false');
    const unready = await scene.operations('/readyz');
    assert.equal(unready.status, 503);
    assert.equal(JSON.parse(unready.text).reasons[0].code, 'no_proxy_ready');
    assert.deepEqual([await status('/livez'), await status('/startupz')], [200, 200]);
    assert.equal((await scene.ask()).status, 200, 'the proxies themselves say why a call fails');
    await one.operate('/ready?is=true');
    await one.stop();
    await two.operate('/ready?is=true');
    assert.equal(await status('/readyz'), 200);
  });

  it('counts requests, in series of which clients cannot make more', async () => {
    await using scene = await openScene({ caddy, options: { tls: 'none' } });
    const url = `http://127.0.0.1:${scene.ports.http}`;
    const seriesOf = async () => {
      const { text } = await scene.operations('/metrics');
      return text.split('\n').filter((line) => line.startsWith('caddy_http_requests_total')).length;
    };
    const flood = async (from: number) => {
      for (let i = from; i < from + 20; i++) {
        const headers = { host: `host-${i}.example`, 'mcp-session-id': `s-${i}` };
        await (await request(`${url}/mcp`, { method: 'POST', headers, body: '{}' })).body.dump();
        await (await request(`${url}/path-${i}`, { headers })).body.dump();
      }
    };
    await flood(0);
    const before = await seriesOf();
    assert.ok(before > 0);
    await flood(20);
    assert.equal(await seriesOf(), before);
  });
});
