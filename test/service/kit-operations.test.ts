import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createLogger } from '../../images/kit/src/logger.ts';
import { createRegistry } from '../../images/kit/src/metrics.ts';
import {
  type Operations,
  type Reason,
  sendJson,
  startOperations,
} from '../../images/kit/src/operations.ts';

const PROBE = new URL('../../images/kit/src/probe.js', import.meta.url).pathname;

describe('the operations port', () => {
  let operations: Operations;
  let live: Reason[];
  let ready: Reason[];
  let hopeless: boolean;
  let logged: string[];
  const log = createLogger({
    service: 'test',
    level: 'debug',
    destination: { write: (line: string) => logged.push(line) },
  });
  const start = (port = 0) =>
    startOperations({
      port,
      host: '127.0.0.1',
      live: () => live,
      ready: () => ready,
      beyondRestart: () => hopeless,
      registry: createRegistry({ service: 'test', version: '1.2.3' }),
      routes: {
        '/own': (request, response) => sendJson(response, 202, { method: request.method }),
        '/broken': () => Promise.reject(new Error('wires crossed')),
      },
      log,
    });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${operations.port}${path}`, { method });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const status = async (path: string) => (await get(path)).status;
  const lack: Reason = { code: 'no_token', message: 'there is no token yet' };

  beforeEach(async () => {
    live = [];
    ready = [];
    hopeless = false;
    logged = [];
    operations = await start();
  });
  afterEach(() => operations.close());

  it('answers 200 when all is well and 503 with the reasons when not', async () => {
    assert.equal(await status('/livez'), 200);
    assert.deepEqual(JSON.parse((await get('/readyz')).text), { status: 'ok', reasons: [] });
    ready = [lack];
    const answer = await get('/readyz?verbose');
    assert.equal(answer.status, 503);
    assert.deepEqual(JSON.parse(answer.text), { status: 'unavailable', reasons: [lack] });
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(await status('/livez'), 200);
  });

  it('has not started until it was ready once, and from then on is as live as the process', async () => {
    ready = [lack];
    assert.equal(await status('/startupz'), 503);
    ready = [];
    assert.equal(await status('/startupz'), 200);
    ready = [lack];
    assert.equal(await status('/startupz'), 200);
    live = [{ code: 'stuck', message: 'the loop does not go round' }];
    assert.equal(await status('/startupz'), 503);
  });

  it('has started also when it was ready between two probes alone', async (t) => {
    await operations.close();
    t.mock.timers.enable({ apis: ['setInterval'] });
    ready = [lack];
    operations = await start();
    t.mock.timers.tick(5_000);
    assert.equal(await status('/startupz'), 503);
    ready = [];
    t.mock.timers.tick(5_000);
    ready = [lack];
    assert.equal(await status('/startupz'), 200);
  });

  it('waits for readiness no longer when another start would do harm', async () => {
    ready = [lack];
    assert.equal(await status('/startupz'), 503);
    hopeless = true;
    assert.equal(await status('/startupz'), 200);
    assert.equal(await status('/readyz'), 503);
  });

  it('serves metrics of the process and of the build as Prometheus text', async () => {
    const { text, headers } = await get('/metrics');
    assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^lakehouse_build_info\{service="test",version="1\.2\.3"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
  });

  it('serves the routes of its service and tells which paths there are', async () => {
    assert.deepEqual(JSON.parse((await get('/own', 'POST')).text), { method: 'POST' });
    const { status: code, text } = await get('/nowhere');
    assert.equal(code, 404);
    assert.ok(JSON.parse(text).paths.includes('/readyz'));
    for (const path of ['/__proto__', '/constructor', '/toString', '//livez'])
      assert.equal(await status(path), 404);
  });

  it('survives a route that fails, and logs why', async () => {
    assert.equal(await status('/broken'), 500);
    assert.equal(await status('/livez'), 200);
    assert.match(logged.join(''), /"event":"operations_failed".*wires crossed/);
  });

  it('closes at once although a client keeps its connection open', async () => {
    await get('/livez');
    const begin = performance.now();
    await operations.close();
    assert.ok(performance.now() - begin < 1000);
    await assert.rejects(get('/livez'));
  });

  it('cannot be started on a port that is taken', async () => {
    await assert.rejects(start(operations.port), { code: 'EADDRINUSE' });
  });

  describe('seen by the health check of the container', () => {
    const run = promisify(execFile);
    const probe = (path: string[], port: number) =>
      run(process.execPath, [PROBE, ...path], {
        env: { PATH: process.env.PATH, OPERATIONS_PORT: String(port) },
      }).then(
        ({ stdout }) => ({ code: 0, stdout }),
        ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
      );

    it('is 0 when ready and 1 with the reasons when not', async () => {
      assert.deepEqual(await probe([], operations.port), {
        code: 0,
        stdout: '{"status":"ok","reasons":[]}\n',
      });
      ready = [lack];
      const { code, stdout } = await probe(['readyz'], operations.port);
      assert.equal(code, 1);
      assert.match(stdout, /there is no token yet/);
      assert.equal((await probe(['livez'], operations.port)).code, 0);
    });

    it('waits within its time for a start, which the engine looks at only now and then', async () => {
      let looks = 0;
      await operations.close();
      operations = await startOperations({
        port: 0,
        live: () => [],
        ready: () => (++looks < 3 ? [lack] : []),
        registry: createRegistry({ service: 'test', version: '1.2.3' }),
        log,
      });
      const { code, stdout } = await probe(['startupz'], operations.port);
      assert.deepEqual([code, stdout], [0, '{"status":"ok","reasons":[]}\n']);
    });

    it('is 1 in words when nobody listens', async () => {
      const { port } = operations;
      await operations.close();
      const { code, stdout } = await probe(['livez'], port);
      assert.equal(code, 1);
      assert.match(stdout, new RegExp(`operations port ${port}: .*ECONNREFUSED`));
    });
  });
});
