import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  DEMO_USER,
  type DemoDremio,
  type DemoDremioOptions,
  start,
} from '../../images/demo-dremio/src/index.ts';
import { DremioClient } from '../helpers/dremio-client.ts';

const SLOW = 'SELECT MAX(a.range + b.range) FROM range(1000000) a, range(1000000) b';

async function loggedIn(demo: DemoDremio): Promise<DremioClient> {
  const client = new DremioClient(demo.url);
  await client.login(DEMO_USER);
  return client;
}

const submit = async (client: DremioClient, sql: string): Promise<string> =>
  (await client.post('/api/v3/sql', { sql })).json.id;

const stateOf = async (client: DremioClient, id: string): Promise<string> =>
  (await client.get(`/api/v3/job/${id}`)).json.jobState;

async function until(state: string, client: DremioClient, id: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const now = await stateOf(client, id);
    if (now === state) return;
    assert.ok(Date.now() < deadline, `job is ${now}, not ${state}`);
  }
}

describe('jobs of the demo Dremio', () => {
  let demo: DemoDremio;
  let client: DremioClient;
  before(async () => {
    // Long enough for a busy machine: a submission is answered when its job has ended.
    demo = await start({ settleMs: 10_000 });
    await demo.warm();
    client = await loggedIn(demo);
  });
  after(() => demo.close());

  it('answers a submission with the id alone, and the job with its whole status', async () => {
    const submitted = await client.post('/api/v3/sql', { sql: 'SELECT 1 AS a', engineName: 'x' });
    assert.deepEqual(Object.keys(submitted.json), ['id']);
    const { status, json } = await client.get(`/api/v3/job/${submitted.json.id}`);
    assert.equal(status, 200);
    const { startedAt, endedAt, resourceSchedulingStartedAt, resourceSchedulingEndedAt, ...rest } =
      json;
    for (const time of [startedAt, endedAt, resourceSchedulingStartedAt, resourceSchedulingEndedAt])
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, {
      jobState: 'COMPLETED',
      rowCount: 1,
      errorMessage: '',
      queryType: 'REST',
      queueName: 'SMALL',
      queueId: 'SMALL',
      cancellationReason: '',
    });
  });

  it('pages 1,201 rows as 500, 500 and 201, each with the total', async () => {
    const id = await submit(client, 'SELECT range AS n FROM range(1201) ORDER BY n');
    const seen: number[] = [];
    for (const [offset, expected] of [
      [0, 500],
      [500, 500],
      [1000, 201],
      [1500, 0],
    ] as const) {
      const { json } = await client.get(`/api/v3/job/${id}/results?offset=${offset}&limit=500`);
      assert.deepEqual([json.rowCount, json.rows.length], [1201, expected]);
      seen.push(...json.rows.map(({ n }: { n: number }) => n));
    }
    assert.deepEqual(seen, [...Array(1201).keys()]);
    const { json } = await client.get(`/api/v3/job/${id}/results`);
    assert.equal(json.rows.length, 100);
    assert.deepEqual(json.schema, [{ name: 'n', type: { name: 'BIGINT' } }]);
  });

  it('refuses a limit above 500, a negative one, and what is no number', async () => {
    const id = await submit(client, 'SELECT 1');
    const status = async (query: string) =>
      (await client.get(`/api/v3/job/${id}/results?${query}`)).status;
    assert.equal(await status('limit=501'), 400);
    assert.equal(await status('limit=-1'), 400);
    assert.equal(await status('offset=-1'), 400);
    assert.equal(await status('limit=many'), 404);
    assert.equal(await status('limit=0'), 200);
  });

  it('accepts SQL that will fail, and says why in the job only', async () => {
    const { status, json } = await client.post('/api/v3/sql', { sql: 'SELECT nope FROM nowhere' });
    assert.equal(status, 200);
    const job = (await client.get(`/api/v3/job/${json.id}`)).json;
    assert.equal(job.jobState, 'FAILED');
    assert.equal(job.errorMessage, "Object 'nowhere' not found");
    assert.equal(job.rowCount, 0);
    const results = await client.get(`/api/v3/job/${json.id}/results`);
    assert.equal(results.status, 400);
    assert.match(results.json.errorMessage, /job that is in \[FAILED\] state/);
  });

  it('answers 404 for a job that it does not know', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    for (const reply of [
      await client.get(`/api/v3/job/${id}`),
      await client.get(`/api/v3/job/${id}/results`),
      await client.request('POST', `/api/v3/job/${id}/cancel`),
    ]) {
      assert.equal(reply.status, 404);
      assert.equal(reply.json.errorMessage, `Could not find a job with id [${id}]`);
    }
  });

  it('refuses a submission without SQL, of another type, or with a context that is no list', async () => {
    const status = async (json: unknown) => (await client.post('/api/v3/sql', json)).status;
    assert.equal(await status({}), 400);
    assert.equal(await status({ sql: 5 }), 400);
    assert.equal(await status({ sql: 'SELECT 1', context: 'Samples' }), 400);
    const text = await client.request('POST', '/api/v3/sql', {
      body: 'SELECT 1',
      headers: { 'content-type': 'text/plain' },
    });
    assert.equal(text.status, 415);
  });

  it('keeps 64-bit integers and decimals exact', async () => {
    const { text, schema } = await client.query(
      "SELECT CAST(9007199254740993 AS BIGINT) AS a, CAST('12345678901234567.89' AS DECIMAL(20, 2)) AS b, SUM(x) AS c FROM (VALUES (9223372036854775806), (1)) t(x)",
    );
    assert.ok(
      text.includes('{"a":9007199254740993,"b":12345678901234567.89,"c":9223372036854775807}'),
    );
    assert.deepEqual(schema, [
      { name: 'a', type: { name: 'BIGINT' } },
      { name: 'b', type: { name: 'DECIMAL', precision: 20, scale: 2 } },
      { name: 'c', type: { name: 'BIGINT' } },
    ]);
  });

  it('writes every type in the form that Dremio has for it', async () => {
    const cases: [string, string, unknown][] = [
      ["'x'", 'VARCHAR', 'x'],
      ['true', 'BOOLEAN', true],
      ['1', 'INTEGER', 1],
      ['CAST(1 AS SMALLINT)', 'INTEGER', 1],
      ['CAST(1.5 AS FLOAT)', 'FLOAT', 1.5],
      ['CAST(1.5 AS DOUBLE)', 'DOUBLE', 1.5],
      ["CAST('nan' AS DOUBLE)", 'DOUBLE', 'NaN'],
      ["DATE '2020-01-02'", 'DATE', '2020-01-02'],
      ["TIME '01:02:03'", 'TIME', '01:02:03.000'],
      ["TIMESTAMP '2020-01-02 03:04:05'", 'TIMESTAMP', '2020-01-02 03:04:05.000'],
      ["TIMESTAMP '2020-01-02 03:04:05.1239'", 'TIMESTAMP', '2020-01-02 03:04:05.123'],
      ["CAST('2020-01-02 03:04:05+02' AS TIMESTAMPTZ)", 'TIMESTAMP', '2020-01-02 01:04:05.000'],
      ["CAST('ab' AS BLOB)", 'VARBINARY', 'YWI='],
      [
        "CAST('00000000-0000-4000-8000-000000000000' AS UUID)",
        'VARCHAR',
        '00000000-0000-4000-8000-000000000000',
      ],
      ['CAST(NULL AS VARCHAR)', 'VARCHAR', null],
      ['[1, NULL]', 'LIST', [1, null]],
      ["{'a': 1, 'b': NULL}", 'STRUCT', { a: 1 }],
      ["MAP {'k': DATE '2020-01-02'}", 'MAP', { k: '2020-01-02' }],
      ["INTERVAL '1' DAY", 'INTERVAL DAY TO SECOND', '1 day'],
    ];
    const list = cases.map(([expression], index) => `${expression} AS c${index}`).join(', ');
    const { rows, schema } = await client.query(`SELECT ${list}`);
    for (const [index, [expression, type, value]] of cases.entries()) {
      assert.equal(schema[index]?.type.name, type, expression);
      assert.deepEqual(rows[0]?.[`c${index}`], value, expression);
    }
    const nested = await client.query("SELECT [1] AS l, {'a': 'x'} AS s, MAP {'k': 1} AS m");
    assert.deepEqual(
      nested.schema.map(({ type }) => type),
      [
        { name: 'LIST', subSchema: [{ type: { name: 'INTEGER' } }] },
        { name: 'STRUCT', subSchema: [{ name: 'a', type: { name: 'VARCHAR' } }] },
        {
          name: 'MAP',
          subSchema: [
            { name: 'key', type: { name: 'VARCHAR' } },
            { name: 'value', type: { name: 'INTEGER' } },
          ],
        },
      ],
    );
  });

  it('tells observers about requests, logins and jobs until they leave', async () => {
    const seen: string[] = [];
    demo.requests.clear();
    const leave = demo.observe({
      login: (success) => seen.push(`login ${success}`),
      job: ({ state }) => seen.push(`job ${state}`),
      request: ({ method, route }) => seen.push(`${method} ${route}`),
    });
    const other = await loggedIn(demo);
    await submit(other, 'SELECT 1');
    await demo.requests.waitFor('POST /apiv2/login');
    await demo.requests.waitFor('POST /api/v3/sql');
    leave();
    await submit(other, 'SELECT 1');
    assert.deepEqual(seen.sort(), [
      'POST /api/v3/sql',
      'POST /apiv2/login',
      'job COMPLETED',
      'login true',
    ]);
  });
});

async function withDemo(
  options: DemoDremioOptions,
  use: (demo: DemoDremio, client: DremioClient) => Promise<void>,
) {
  await using demo = await start(options);
  await demo.warm();
  await use(demo, await loggedIn(demo));
}

it('a running statement can be cancelled, and an ended one stays as it is', async () => {
  await withDemo({ settleMs: 0 }, async (_, client) => {
    const cancel = (id: string) => client.request('POST', `/api/v3/job/${id}/cancel`);
    const id = await submit(client, SLOW);
    await until('RUNNING', client, id);
    assert.equal((await client.get(`/api/v3/job/${id}/results`)).status, 400);
    const { status, text } = await cancel(id);
    assert.deepEqual([status, text], [204, '']);
    const job = (await client.get(`/api/v3/job/${id}`)).json;
    assert.equal(job.jobState, 'CANCELED');
    assert.equal(job.cancellationReason, "Query cancelled by user 'demo'");
    const done = await submit(client, 'SELECT 1');
    await until('COMPLETED', client, done);
    assert.equal((await cancel(done)).status, 204);
    assert.equal(await stateOf(client, done), 'COMPLETED');
  });
});

it('a job with latency is RUNNING until it is over, and ENQUEUED only on request', async () => {
  await withDemo({ settleMs: 0, jobEnqueuedMs: 300, jobLatencyMs: 300 }, async (_, client) => {
    const id = await submit(client, 'SELECT 1');
    assert.equal(await stateOf(client, id), 'ENQUEUED');
    await until('RUNNING', client, id);
    await until('COMPLETED', client, id);
  });
});

it('statements wait in PLANNING while as many as allowed are running', async () => {
  await withDemo({ settleMs: 0, jobLimits: { running: 1 } }, async (demo, client) => {
    const first = await submit(client, SLOW);
    await until('RUNNING', client, first);
    const second = await submit(client, 'SELECT 1');
    assert.equal(await stateOf(client, second), 'PLANNING');
    await client.request('POST', `/api/v3/job/${first}/cancel`);
    await until('COMPLETED', client, second);
    assert.equal(demo.jobs.length, 2);
  });
});

it('a statement that runs too long fails with the limit, and the next one works', async () => {
  await withDemo({ engineLimits: { statementMs: 100 } }, async (_, client) => {
    const { state, errorMessage } = await client.query(SLOW);
    assert.equal(state, 'FAILED');
    assert.match(errorMessage, /ran longer than 0\.1 s, the limit of this demo server/);
    assert.equal((await client.query('SELECT 1')).state, 'COMPLETED');
  });
});

it('a result with too many rows or bytes fails and says which limit', async () => {
  await withDemo({ engineLimits: { rows: 1000, resultBytes: 50_000 } }, async (_, client) => {
    const many = await client.query('SELECT * FROM range(1001)');
    assert.match(many.errorMessage, /more than 1000 rows/);
    const large = await client.query("SELECT repeat('x', 1000) FROM range(100)");
    assert.match(large.errorMessage, /larger than 50000 bytes/);
    assert.equal((await client.query('SELECT * FROM range(1000)')).rowCount, 1000);
  });
});

it('finished jobs are forgotten beyond the limits on their number and size, oldest first', async () => {
  await withDemo(
    { settleMs: 10_000, jobLimits: { finished: 3, resultBytes: 2_500 } },
    async (demo, client) => {
      const first = await submit(client, 'SELECT 1');
      for (let i = 0; i < 3; i++) await submit(client, 'SELECT 1');
      assert.equal(demo.jobs.length, 3);
      assert.equal((await client.get(`/api/v3/job/${first}`)).status, 404);
      for (let i = 0; i < 3; i++) await submit(client, "SELECT repeat('x', 1000) AS a");
      assert.equal(demo.jobs.length, 2);
      const large = await submit(client, "SELECT repeat('x', 10000) AS a");
      assert.deepEqual(
        demo.jobs.map(({ id }) => id),
        [large],
      );
    },
  );
});

it('more unfinished jobs than allowed fail at once', async () => {
  await withDemo(
    { settleMs: 0, jobLatencyMs: 5_000, jobLimits: { unfinished: 2 } },
    async (_, client) => {
      for (let i = 0; i < 2; i++) await submit(client, 'SELECT 1');
      const { state, errorMessage } = await client.query('SELECT 1');
      assert.equal(state, 'FAILED');
      assert.match(errorMessage, /2 queries are unfinished/);
    },
  );
});
