/**
 * The contract between clients and Dremio: the same assertions against the stand-in, always, and against a real server
 * when one is named. Only what holds in both stands here; what the stand-in does besides is in the other files.
 *
 *     DREMIO_URL=http://localhost:9047 DREMIO_USERNAME=… DREMIO_PASSWORD=… npm run test:fast
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { DremioClient, type Reply } from '../helpers/dremio-client.ts';

interface Server {
  readonly url: string;
  readonly userName: string;
  readonly password: string;
}

const NONE = { authorization: null };
const WEATHER = 'Samples."samples.dremio.com"."NYC-weather.csv"';
/** 1,201 rows in SQL that both understand. */
const DIGITS = '(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))';
const ROWS = `SELECT n FROM (
    SELECT a.x + 10 * b.x + 100 * c.x + 1000 * d.x AS n
    FROM ${DIGITS} AS a(x), ${DIGITS} AS b(x), ${DIGITS} AS c(x), ${DIGITS} AS d(x)
  ) AS numbers WHERE n < 1201 ORDER BY n`;

function contract(serverOf: () => Server): void {
  let client: DremioClient;
  let login: Reply;
  before(async () => {
    client = new DremioClient(serverOf().url);
    login = await client.login(serverOf());
    assert.equal(login.status, 200, login.text);
  });

  it('says that it is up, without a token', async () => {
    const { status, text } = await client.get('/apiv2/server_status', NONE);
    assert.deepEqual([status, text.trim()], [200, '"OK"']);
  });

  it('answers a login with a token that is no JWT and with its end in milliseconds', () => {
    const { token, expires, userName, userId, admin, version, permissions } = login.json;
    assert.match(token, /^[0-9a-v]+$/);
    assert.ok(expires > Date.now() && expires < Date.now() + 400 * 86_400_000, String(expires));
    assert.equal(userName, serverOf().userName);
    assert.equal(typeof userId, 'string');
    assert.equal(admin, true);
    assert.equal(typeof version, 'string');
    assert.equal(permissions.canViewAllJobs, true);
  });

  it('refuses a wrong password with 401 and a message', async () => {
    const { userName } = serverOf();
    const user = { userName, password: 'not the password 1' };
    const { status, json } = await client.post('/apiv2/login', user, NONE);
    assert.equal(status, 401);
    assert.ok(json.errorMessage.endsWith(`, user ${userName}`), json.errorMessage);
    assert.deepEqual(json.stackTrace, []);
  });

  it('refuses a body that is not JSON with 400', async () => {
    const headers = { 'content-type': 'application/json' };
    const { status } = await client.request('POST', '/apiv2/login', {
      ...NONE,
      body: '{',
      headers,
    });
    assert.equal(status, 400);
  });

  it('accepts the token as Bearer, bearer, _dremio and bare', async () => {
    const { token } = login.json;
    for (const authorization of [`Bearer ${token}`, `bearer ${token}`, `_dremio${token}`, token]) {
      const { status, text } = await client.get('/apiv2/login', { authorization });
      assert.deepEqual([status, text.trim()], [200, 'true'], authorization.split(/[ a-v0-9]/)[0]);
    }
  });

  it('answers a bad or missing token with 401 and an empty body', async () => {
    for (const authorization of [null, 'Bearer unknown', `Bearer {"token":"${login.json.token}"}`])
      for (const path of ['/apiv2/login', '/api/v3/catalog']) {
        const { status, text } = await client.get(path, { authorization });
        assert.deepEqual([status, text], [401, ''], path);
      }
  });

  it('keeps an earlier token valid after a later login, and ends one by logout', async () => {
    const other = new DremioClient(serverOf().url);
    const { json } = await other.login(serverOf());
    assert.equal((await client.get('/apiv2/login')).status, 200);
    const authorization = `_dremio${json.token}`;
    assert.equal((await other.request('DELETE', '/apiv2/login', { authorization })).status, 204);
    assert.equal((await other.get('/apiv2/login')).status, 401);
    assert.equal((await client.get('/apiv2/login')).status, 200);
  });

  it('refuses a first user when there is one', async () => {
    const json = { userName: 'another', password: 'letters-and-1' };
    const { status } = await client.request('PUT', '/apiv2/bootstrap/firstuser', { ...NONE, json });
    assert.equal(status, 400);
  });

  it('answers a query', async () => {
    const { rows, schema } = await client.query('SELECT 1 AS test_connection');
    assert.deepEqual(rows, [{ test_connection: 1 }]);
    assert.deepEqual(schema, [{ name: 'test_connection', type: { name: 'INTEGER' } }]);
  });

  it('ignores a comment before and a semicolon after a query', async () => {
    const { rows } = await client.query('/* dremioai: submitter=RunSqlQuery */\nSELECT 1 AS a;');
    assert.deepEqual(rows, [{ a: 1 }]);
  });

  it('shows the status of a job', async () => {
    const { json } = await client.post('/api/v3/sql', { sql: 'SELECT 1 AS a' });
    const { status, json: job } = await client.get(`/api/v3/job/${json.id}`);
    assert.equal(status, 200);
    assert.equal(job.queryType, 'REST');
    for (const field of ['errorMessage', 'cancellationReason']) assert.equal(job[field], '');
    assert.match(job.startedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('pages 1,201 rows, 500 at most at a time', async () => {
    const { rowCount, rows } = await client.query(ROWS);
    assert.deepEqual([rowCount, rows.length, rows[499]?.n], [1201, 500, 499]);
    const { json } = await client.post('/api/v3/sql', { sql: ROWS });
    await client.ended(json.id);
    const page = (query: string) => client.get(`/api/v3/job/${json.id}/results?${query}`);
    const last = (await page('offset=1000&limit=500')).json;
    assert.deepEqual([last.rowCount, last.rows.length], [1201, 201]);
    assert.equal((await page('')).json.rows.length, 100);
    assert.equal((await page('limit=501')).status, 400);
  });

  it('accepts SQL that fails, and says so in the job', async () => {
    const { state, errorMessage } = await client.query('SELECT * FROM no_such_table_here');
    assert.equal(state, 'FAILED');
    assert.match(errorMessage, /no_such_table_here.*not found/i);
    const column = await client.query('SELECT no_such_column FROM sys.version');
    assert.match(column.errorMessage, /no_such_column.*not found/i);
  });

  it('answers 404 for a job that it does not know', async () => {
    const id = '1cfd9bb5-0000-0000-0000-000000000000';
    for (const path of [id, `${id}/results`])
      assert.equal((await client.get(`/api/v3/job/${path}`)).status, 404);
  });

  it('writes 64-bit integers and decimals in full', async () => {
    const { text } = await client.query(
      `SELECT CAST(9007199254740993 AS BIGINT) AS a, CAST('12345678901234567.89' AS DECIMAL(20, 2)) AS b`,
    );
    assert.match(text, /"a":\s*9007199254740993\b/);
    assert.match(text, /"b":\s*12345678901234567\.89\b/);
  });

  it('names columns without a name EXPR$ and their position', async () => {
    const { schema } = await client.query('SELECT COUNT(*), MAX(version) FROM sys.version');
    assert.deepEqual(
      schema.map(({ name }) => name),
      ['EXPR$0', 'EXPR$1'],
    );
  });

  it('lists its schemas and tables', async () => {
    const schemata = await client.query('SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA');
    const names = schemata.rows.map(({ SCHEMA_NAME }) => SCHEMA_NAME);
    for (const name of ['INFORMATION_SCHEMA', 'sys', `@${serverOf().userName}`])
      assert.ok(names.includes(name), `${name} in ${names}`);
    const tables = await client.query(
      `SELECT TABLE_TYPE FROM INFORMATION_SCHEMA."TABLES" WHERE TABLE_SCHEMA = 'sys' AND TABLE_NAME = 'version'`,
    );
    assert.deepEqual(tables.rows, [{ TABLE_TYPE: 'SYSTEM_TABLE' }]);
  });

  it('answers 404 for paths and calls that Community does not have', async () => {
    for (const path of ['/api/v3/catalog/by-path/no-such-entity', '/api/v3/no-such-call'])
      assert.equal((await client.get(path)).status, 404, path);
  });

  it('has the weather table with nine text columns, where the sample source was added', async (context) => {
    const { status, json } = await client.get(
      '/api/v3/catalog/by-path/Samples/samples.dremio.com/NYC-weather.csv?removeCatalogName=true',
    );
    if (status === 404) {
      context.skip('this server has no sample source');
      return;
    }
    assert.equal(json.type, 'PHYSICAL_DATASET');
    assert.deepEqual(
      json.fields.map(
        ({ name, type }: { name: string; type: { name: string } }) => `${name} ${type.name}`,
      ),
      'station name date awnd prcp snow snwd tempmax tempmin'
        .split(' ')
        .map((name) => `${name} VARCHAR`),
    );
    for (const kind of ['tag', 'wiki'])
      assert.equal(
        (await client.get(`/api/v3/catalog/${json.id}/collaboration/${kind}`)).status,
        200,
      );
    const { rows } = await client.query(
      `SELECT EXTRACT(YEAR FROM CAST(SUBSTRING("date", 1, 10) AS DATE)) AS "year", COUNT(*) AS days
       FROM ${WEATHER} WHERE CAST(tempmax AS DOUBLE) IS NOT NULL GROUP BY 1 ORDER BY "year" LIMIT 1`,
    );
    assert.deepEqual(rows, [{ year: 2009, days: 365 }]);
  });
}

describe('the contract, kept by the demo Dremio', () => {
  let demo: DemoDremio;
  before(async () => {
    // Reserved words are checked, so that nothing here passes that Dremio would not parse.
    demo = await start({ strictKeywords: true });
  });
  after(() => demo.close());
  contract(() => ({ url: demo.url, ...DEMO_USER }));
});

const { DREMIO_URL, DREMIO_USERNAME, DREMIO_PASSWORD } = process.env;
const unset = Object.entries({ DREMIO_URL, DREMIO_USERNAME, DREMIO_PASSWORD })
  .filter(([, value]) => !value)
  .map(([name]) => name);
const NOT_RUN = `NOT RUN AGAINST A REAL DREMIO: set ${unset.join(', ')} to do so`;

describe('the contract, kept by a real Dremio', {
  skip: unset.length > 0 ? NOT_RUN : false,
}, () => {
  contract(() => ({
    url: DREMIO_URL ?? '',
    userName: DREMIO_USERNAME ?? '',
    password: DREMIO_PASSWORD ?? '',
  }));
});

it('the contract is never half asked for', () => {
  assert.ok(unset.length === 0 || unset.length === 3, NOT_RUN);
  // A skipped suite is easily overlooked among the others.
  if (unset.length > 0) process.emitWarning(NOT_RUN);
});
