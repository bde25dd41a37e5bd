import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { DremioClient } from '../helpers/dremio-client.ts';

const HOUR = 3_600_000;
const NONE = { authorization: null };

describe('a demo Dremio with a user', () => {
  let now = Date.UTC(2030, 0, 1);
  let demo: DemoDremio;
  let client: DremioClient;
  before(async () => {
    demo = await start({ now: () => now });
    client = new DremioClient(demo.url);
  });
  after(() => demo.close());

  it('answers a login with token, end of life in milliseconds, user, cluster and permissions', async () => {
    const { status, json, headers } = await client.login(DEMO_USER);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(headers.get('cache-control'), 'no-cache, no-store');
    assert.match(json.token, /^[0-9a-v]{26}$/);
    assert.equal(json.expires, now + 30 * HOUR);
    assert.equal(json.userName, 'demo');
    assert.equal(json.admin, true);
    assert.match(json.userId, /^[0-9a-f-]{36}$/);
    assert.match(json.clusterId, /^[0-9a-f-]{36}$/);
    assert.equal(json.clusterCreatedAt, now);
    assert.equal(json.version, '26.0.0-demo');
    assert.equal(Object.keys(json.permissions).length, 16);
    assert.equal('email' in json, false);
  });

  it('refuses wrong, unknown and empty credentials with 401 and a text that names the user', async () => {
    const cases: [string, string][] = [
      ['demo', 'wrong'],
      ['nobody', DEMO_USER.password],
      ['demo', ''],
      ['', ''],
    ];
    for (const [userName, password] of cases) {
      const { status, json } = await client.post('/apiv2/login', { userName, password }, NONE);
      assert.equal(status, 401);
      assert.ok(json.errorMessage.endsWith(`, user ${userName}`), json.errorMessage);
      assert.deepEqual([json.moreInfo, json.stackTrace], ['', []]);
    }
    const { status } = await client.post('/apiv2/login', {}, NONE);
    assert.equal(status, 401);
  });

  it('answers bodies that are no login as Dremio does', async () => {
    const send = (body: string, type?: string) =>
      client.request('POST', '/apiv2/login', {
        ...NONE,
        body,
        headers: type === undefined ? {} : { 'content-type': type },
      });
    const broken = await send('{"userName":', 'application/json');
    assert.equal(broken.status, 400);
    assert.match(broken.headers.get('content-type') ?? '', /^text\/plain/);
    assert.equal((await send('[1]', 'application/json')).status, 400);
    assert.equal((await send('null', 'application/json')).status, 500);
    assert.equal((await send('', 'application/json')).status, 500);
    assert.equal((await send(JSON.stringify(DEMO_USER), 'text/plain')).status, 415);
    const { status, json } = await send(
      JSON.stringify(DEMO_USER),
      'Application/JSON; charset=utf-8',
    );
    assert.deepEqual([status, json.userName], [200, 'demo']);
    assert.equal((await send('{"userName":5,"password":"x"}', 'application/json')).status, 400);
  });

  it('accepts a token in each of its four forms, on both APIs', async () => {
    const { token } = (await client.login(DEMO_USER)).json;
    for (const authorization of [`Bearer ${token}`, `bearer ${token}`, `_dremio${token}`, token]) {
      const probe = await client.get('/apiv2/login', { authorization });
      assert.deepEqual([probe.status, probe.text], [200, 'true'], authorization);
      assert.equal((await client.get('/api/v3/catalog', { authorization })).status, 200);
    }
  });

  it('refuses a missing, unknown or wrapped token with 401 and nothing else', async () => {
    const { token } = (await client.login(DEMO_USER)).json;
    const wrapped = [`Bearer {"token":"${token}"}`, `Bearer {"token": "${token}"}`];
    for (const authorization of [null, 'Bearer unknown', '_dremionull', ...wrapped]) {
      for (const path of ['/apiv2/login', '/api/v3/catalog', '/api/v3/job/x']) {
        const { status, text, headers } = await client.get(path, { authorization });
        assert.deepEqual([status, text], [401, ''], `${authorization} ${path}`);
        assert.equal(headers.get('www-authenticate'), null);
        assert.equal(headers.get('content-type'), null);
      }
    }
  });

  it('keeps every token of a user valid until its own end', async () => {
    const first = (await client.login(DEMO_USER)).json;
    now += HOUR;
    const second = (await client.login(DEMO_USER)).json;
    assert.notEqual(first.token, second.token);
    const probe = async (token: string) => {
      const { status, text } = await client.get('/apiv2/login', {
        authorization: `Bearer ${token}`,
      });
      return [status, text];
    };
    assert.deepEqual(await probe(first.token), [200, 'true']);
    now = first.expires - 1;
    assert.deepEqual(await probe(first.token), [200, 'true']);
    now = first.expires;
    assert.deepEqual(await probe(first.token), [401, '']);
    assert.deepEqual(await probe(second.token), [200, 'true']);
  });

  it('logs out with the _dremio form, and only says so with the Bearer form', async () => {
    const { token } = (await client.login(DEMO_USER)).json;
    const logout = (authorization: string | null) =>
      client.request('DELETE', '/apiv2/login', { authorization });
    const valid = async () => (await client.get('/apiv2/login')).status;
    assert.equal((await logout(`Bearer ${token}`)).status, 204);
    assert.equal(await valid(), 200);
    const { status, text } = await logout(`_dremio${token}`);
    assert.deepEqual([status, text], [204, '']);
    assert.equal(await valid(), 401);
    const other = (await client.login(DEMO_USER)).json.token;
    assert.equal((await logout(other)).status, 204);
    assert.equal(await valid(), 401);
    assert.equal((await logout(null)).status, 500);
  });

  it('says that it is up without a token, and 503 while its master is down', async () => {
    const status = async () => {
      const reply = await client.get('/apiv2/server_status', NONE);
      return [reply.status, reply.text];
    };
    assert.deepEqual(await status(), [200, '"OK"']);
    demo.setMasterDown(true);
    assert.deepEqual(await status(), [503, '"MASTER_DOWN"']);
    demo.setMasterDown(false);
    assert.deepEqual(await status(), [200, '"OK"']);
  });

  it('tells its own time in the Date header of every answer', async () => {
    const told = async (path: string, order: object = {}) => {
      demo.faults.next(`GET ${path}`, order);
      return (await client.get(path, NONE)).headers.get('date');
    };
    const own = new Date(now).toUTCString();
    assert.deepEqual(
      [
        await told('/apiv2/server_status'),
        await told('/nowhere'),
        await told('/', { html: '<p>' }),
      ],
      [own, own, own],
    );
    const headers = { date: 'Tue, 01 Jan 2030 00:00:01 GMT' };
    assert.equal(await told('/', { status: 503, headers }), headers.date);
  });

  it('serves a page at the root', async () => {
    const { status, headers, text } = await client.get('/', NONE);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^text\/html/);
    assert.match(text, /not Dremio/);
    const head = await client.request('HEAD', '/', NONE);
    assert.deepEqual([head.status, head.text], [200, '']);
  });

  it('answers unknown paths 404 and wrong methods 405 without asking for a token', async () => {
    const unknown = [
      '/apiv2/nope',
      '/api/v3/nope',
      '/api/v4/ai/tools',
      '/nope',
      '/api/v3/user/1/token',
    ];
    for (const path of unknown) {
      const { status, json } = await client.get(path, NONE);
      assert.equal(status, 404, path);
      assert.deepEqual(Object.keys(json), ['errorMessage', 'moreInfo']);
    }
    const wrong = await client.request('PUT', '/apiv2/login', NONE);
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST, GET, DELETE']);
    assert.equal((await client.get('/api/v3/catalog/%zz', NONE)).status, 400);
  });

  it('refuses a second first user', async () => {
    const { status, json } = await client.request('PUT', '/apiv2/bootstrap/firstuser', {
      ...NONE,
      json: { userName: 'other', password: 'letters-and-1' },
    });
    assert.equal(status, 400);
    assert.match(json.errorMessage, /no user is already registered/);
  });

  it('refuses a body of more than a mebibyte', async () => {
    await client.login(DEMO_USER);
    const { status } = await client.post('/api/v3/sql', { sql: ' '.repeat(1024 * 1024) });
    assert.equal(status, 413);
  });

  it('survives a client that goes away in the middle of its body', async () => {
    const socket = createConnection(demo.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /apiv2/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
    socket.destroy();
    const { status } = await demo.requests.waitFor((entry) => entry.status === 0);
    assert.equal(status, 0);
    assert.equal((await client.get('/apiv2/server_status', NONE)).status, 200);
  });
});

describe('a demo Dremio without users', () => {
  let demo: DemoDremio;
  let client: DremioClient;
  before(async () => {
    demo = await start({ users: [] });
    client = new DremioClient(demo.url);
  });
  after(() => demo.close());

  const bootstrap = (json: object) =>
    client.request('PUT', '/apiv2/bootstrap/firstuser', { authorization: '_dremionull', json });

  it('answers 403 under /apiv2, 401 under /api/v3, and its status all the same', async () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status, json } = await client.request(method, '/apiv2/login', {
        ...NONE,
        ...(method === 'POST' ? { json: DEMO_USER } : {}),
      });
      assert.deepEqual([status, json.errorMessage], [403, 'No User Available'], method);
    }
    assert.equal((await client.get('/api/v3/catalog', NONE)).status, 401);
    assert.equal((await client.get('/apiv2/server_status', NONE)).text, '"OK"');
  });

  it('refuses a first user with a weak password or a bad name', async () => {
    const bad = [
      { userName: 'ann', password: 'short1' },
      { userName: 'ann', password: 'only-letters' },
      { userName: 'a:b', password: 'letters-and-1' },
      { password: 'letters-and-1' },
    ];
    for (const user of bad) assert.equal((await bootstrap(user)).status, 400);
  });

  it('creates the first user, who can log in and has a home with the sample view', async () => {
    const user = {
      userName: 'ann',
      password: 'letters-and-1',
      email: 'ann@example.com',
      createdAt: 5,
    };
    const { status, json } = await bootstrap(user);
    assert.equal(status, 200);
    assert.deepEqual([json.userName, json.name, json.userConfig.createdAt], ['ann', 'ann', 5]);
    assert.ok(json.id && json.resourcePath && json.links.self);
    const login = await client.login(user);
    assert.deepEqual(
      [login.status, login.json.email, login.json.userCreatedAt],
      [200, 'ann@example.com', 5],
    );
    const { rows } = await client.query('SELECT COUNT(*) AS months FROM "@ann".monthly_weather');
    assert.deepEqual(rows, [{ months: 126 }]);
    const schemata = await client.query('SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA');
    assert.ok(schemata.rows.some(({ SCHEMA_NAME }) => SCHEMA_NAME === '@ann'));
  });
});

it('a user that is not acceptable stops the start with the reason', async () => {
  await assert.rejects(
    start({ users: [{ userName: 'ann', password: 'weak' }] }),
    /Invalid password: must be at least 8/,
  );
});

it('version 24 has its own version text and permissions', async () => {
  await using demo = await start({ version: '24.2.6-202311250456170399-68acbe47' });
  const { json } = await new DremioClient(demo.url).login(DEMO_USER);
  assert.equal(json.version, '24.2.6-202311250456170399-68acbe47');
  assert.equal(Object.keys(json.permissions).length, 14);
});

it('does not report a client as an error that gives up while its answer is delayed', async (t) => {
  const errors: unknown[] = [];
  const demo = await start({ onError: (error) => errors.push(error) });
  t.after(() => demo.close());
  demo.faults.next('POST /apiv2/login', { delayMs: 20 });
  const socket = createConnection(demo.port, '127.0.0.1');
  await once(socket, 'connect');
  const body = JSON.stringify(DEMO_USER);
  const head = `host: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  socket.write(`POST /apiv2/login HTTP/1.1\r\n${head}\r\n\r\n${body}`, () => socket.destroy());
  await demo.requests.waitFor('POST /apiv2/login');
  // Ordered after it and delayed as long, so it is answered when the first would have been.
  demo.faults.next('GET /apiv2/server_status', { delayMs: 20 });
  await new DremioClient(demo.url).get('/apiv2/server_status', NONE);
  assert.deepEqual(errors, []);
  assert.equal(demo.tokens.issued, 0);
});
