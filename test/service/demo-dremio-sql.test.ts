import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { DremioClient, type QueryOutcome } from '../helpers/dremio-client.ts';

const WEATHER = 'Samples."samples.dremio.com"."NYC-weather.csv"';

describe('SQL of the demo Dremio', () => {
  let demo: DemoDremio;
  let client: DremioClient;
  const unexpected: unknown[] = [];
  before(async () => {
    // Long enough for a busy machine: a submission is answered when its job has ended.
    demo = await start({ settleMs: 10_000, onError: (error) => unexpected.push(error) });
    client = new DremioClient(demo.url);
    await client.login(DEMO_USER);
  });
  after(() => demo.close());

  const rowsOf = async (sql: string, context?: string[]) => {
    const { state, errorMessage, rows } = await client.query(sql, context);
    assert.equal(state, 'COMPLETED', `${sql}: ${errorMessage}`);
    return rows;
  };
  const namesOf = ({ schema }: QueryOutcome) => schema.map(({ name }) => name);
  const failureOf = async (sql: string) => {
    const { state, errorMessage } = await client.query(sql);
    assert.equal(state, 'FAILED', sql);
    return errorMessage;
  };

  it('answers a test of the connection, also with the comment that the official server adds', async () => {
    const sql = 'SELECT 1 as test_connection';
    for (const text of [sql, `/* dremioai: submitter=RunSqlQuery */\n${sql}`])
      assert.deepEqual(await rowsOf(text), [{ test_connection: 1 }]);
  });

  it('lists its schemas', async () => {
    const rows = await rowsOf('SELECT * FROM INFORMATION_SCHEMA.SCHEMATA LIMIT 10');
    assert.deepEqual(Object.keys(rows[0] ?? {}), [
      'CATALOG_NAME',
      'SCHEMA_NAME',
      'SCHEMA_OWNER',
      'TYPE',
      'IS_MUTABLE',
    ]);
    assert.deepEqual(
      rows.map(({ SCHEMA_NAME }) => SCHEMA_NAME),
      ['$scratch', '@demo', 'INFORMATION_SCHEMA', 'Samples', 'Samples.samples.dremio.com', 'sys'],
    );
    assert.equal(rows[0]?.CATALOG_NAME, 'DREMIO');
  });

  it('shows the nine text columns of the weather table', async () => {
    const outcome = await client.query(`SELECT * FROM ${WEATHER} LIMIT 5`);
    assert.equal(outcome.rowCount, 5);
    assert.deepEqual(namesOf(outcome), [
      'station',
      'name',
      'date',
      'awnd',
      'prcp',
      'snow',
      'snwd',
      'tempmax',
      'tempmin',
    ]);
    assert.ok(outcome.schema.every(({ type }) => type.name === 'VARCHAR'));
  });

  it('counts 3,833 records', async () => {
    const rows = await rowsOf(`SELECT COUNT(*) as total_records FROM ${WEATHER}`);
    assert.deepEqual(rows, [{ total_records: 3833 }]);
  });

  it('aggregates cast temperatures', async () => {
    const [row] = await rowsOf(
      `SELECT MIN(CAST(tempmax AS DOUBLE)) as low, MAX(CAST(tempmax AS DOUBLE)) as high,
         AVG(CAST(tempmax AS DOUBLE)) as mean FROM ${WEATHER} WHERE tempmax IS NOT NULL`,
    );
    const { low, high, mean } = row as { low: number; high: number; mean: number };
    assert.ok(low > 0 && low < 35 && high > 85 && high < 110 && mean > 55 && mean < 67);
  });

  it('finds the one station, with a semicolon at the end', async () => {
    assert.deepEqual(await rowsOf(`SELECT DISTINCT station, name FROM ${WEATHER} LIMIT 5;`), [
      { station: 'USW00094728', name: 'NY CITY CENTRAL PARK, NY US' },
    ]);
  });

  it('finds the first and last date, with and without quotes, and names them by position', async () => {
    for (const date of ['date', '"date"'])
      assert.deepEqual(await rowsOf(`SELECT MIN(${date}), MAX(${date}) FROM ${WEATHER};`), [
        { EXPR$0: '2009-01-01T00:00', EXPR$1: '2019-06-30T00:00' },
      ]);
  });

  it('finds days with snow', async () => {
    const rows = await rowsOf(`SELECT * FROM ${WEATHER} WHERE CAST(snow AS DOUBLE) > 0 LIMIT 5;`);
    assert.equal(rows.length, 5);
    assert.ok(rows.every(({ snow }) => Number(snow) > 0));
  });

  it('averages by month, with and without quotes around reserved words', async () => {
    for (const q of ['', '"']) {
      const rows = await rowsOf(
        `SELECT EXTRACT(YEAR FROM CAST(${q}date${q} AS TIMESTAMP)) as ${q}year${q},
           EXTRACT(MONTH FROM CAST(${q}date${q} AS TIMESTAMP)) as ${q}month${q},
           AVG(CAST(tempmax AS DOUBLE)) as mean
         FROM ${WEATHER} GROUP BY 1, 2 ORDER BY ${q}year${q}, ${q}month${q}`,
      );
      assert.equal(rows.length, 126);
      assert.deepEqual([rows[0]?.year, rows[0]?.month], [2009, 1]);
    }
  });

  it('reads the view in the home space', async () => {
    const rows = await rowsOf('SELECT * FROM "@demo".monthly_weather WHERE "year" = 2010');
    assert.equal(rows.length, 12);
  });

  it('knows its tables, views and columns, under quoted names in any case', async () => {
    const tables = await rowsOf('SELECT * FROM information_schema."TABLES" ORDER BY TABLE_NAME');
    const types = Object.fromEntries(
      tables.map((row) => [`${row.TABLE_SCHEMA}/${row.TABLE_NAME}`, row.TABLE_TYPE]),
    );
    assert.equal(types['Samples.samples.dremio.com/NYC-weather.csv'], 'TABLE');
    assert.equal(types['@demo/monthly_weather'], 'VIEW');
    assert.equal(types['sys/version'], 'SYSTEM_TABLE');
    assert.equal(types['INFORMATION_SCHEMA/COLUMNS'], 'SYSTEM_TABLE');
    const columns = await rowsOf(
      `SELECT * FROM INFORMATION_SCHEMA."COLUMNS" WHERE TABLE_NAME = 'NYC-weather.csv'`,
    );
    assert.equal(columns.length, 9);
    const [first] = columns;
    assert.deepEqual(
      [first?.COLUMN_NAME, first?.ORDINAL_POSITION, first?.DATA_TYPE, first?.IS_NULLABLE],
      ['station', 1, 'CHARACTER VARYING', 'YES'],
    );
    assert.equal(Object.keys(first ?? {}).length, 17);
    const [view] = await rowsOf('SELECT * FROM INFORMATION_SCHEMA.VIEWS');
    assert.match(String(view?.VIEW_DEFINITION), /^SELECT\s+EXTRACT/);
    const [catalog] = await rowsOf('SELECT CATALOG_NAME FROM INFORMATION_SCHEMA.CATALOGS');
    assert.deepEqual(catalog, { CATALOG_NAME: 'DREMIO' });
  });

  it('agrees with itself: what the catalog says of columns is what a query returns', async () => {
    const declared = await rowsOf(
      'SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA."COLUMNS" ORDER BY ORDINAL_POSITION',
    );
    const byPath: Record<string, string> = {
      'Samples.samples.dremio.com/NYC-weather.csv': WEATHER,
      '@demo/monthly_weather': '"@demo".monthly_weather',
      'sys/version': 'sys.version',
      'sys/nodes': 'sys.nodes',
      'sys/options': 'sys.options',
      'sys/jobs_recent': 'sys.jobs_recent',
      'INFORMATION_SCHEMA/COLUMNS': 'INFORMATION_SCHEMA."COLUMNS"',
    };
    for (const [key, name] of Object.entries(byPath)) {
      const expected = declared
        .filter((row) => `${row.TABLE_SCHEMA}/${row.TABLE_NAME}` === key)
        .map(({ COLUMN_NAME }) => COLUMN_NAME);
      const outcome = await client.query(`SELECT * FROM ${name} LIMIT 1`);
      assert.deepEqual(namesOf(outcome), expected, key);
      if (!key.includes('demo')) continue;
      const entity = await client.get(`/api/v3/catalog/by-path/${key}`);
      assert.deepEqual(entity.json.fields, outcome.schema);
    }
  });

  it('has system tables, of which jobs_recent shows the jobs', async () => {
    assert.deepEqual(await rowsOf('SELECT version FROM sys.version'), [{ version: '26.0.0-demo' }]);
    assert.deepEqual(await rowsOf('SELECT is_coordinator FROM sys.nodes'), [
      { is_coordinator: true },
    ]);
    assert.deepEqual(
      await rowsOf("SELECT num_val FROM sys.options WHERE name = 'token.expiration.min'"),
      [{ num_val: 1800 }],
    );
    await rowsOf("SELECT 'find me'");
    const rows = await rowsOf(
      `SELECT user_name, status, rows_returned FROM sys.jobs_recent WHERE query = 'SELECT ''find me'''`,
    );
    assert.deepEqual(rows, [{ user_name: 'demo', status: 'COMPLETED', rows_returned: 1 }]);
  });

  it('looks unqualified names up in the context', async () => {
    const contexts: [string, string[]][] = [
      ['SELECT COUNT(*) AS n FROM "NYC-weather.csv"', ['Samples', 'samples.dremio.com']],
      ['SELECT COUNT(*) AS n FROM "samples.dremio.com"."NYC-weather.csv"', ['samples']],
      [`SELECT COUNT(*) AS n FROM ${WEATHER}`, ['@demo']],
      ['SELECT CAST(SUM(1) AS BIGINT) * 3833 AS n FROM "CATALOGS"', ['INFORMATION_SCHEMA']],
      ['SELECT 3833 AS n FROM sys.version', ['Samples']],
      ['SELECT 3833 AS n FROM INFORMATION_SCHEMA.CATALOGS', ['Samples', 'samples.dremio.com']],
    ];
    for (const [sql, context] of contexts)
      assert.deepEqual(await rowsOf(sql, context), [{ n: 3833 }]);
    const { errorMessage } = await client.query('SELECT 1', ['no', 'where']);
    assert.equal(errorMessage, "Object 'no.where' not found");
  });

  it('divides integers to integers, puts nulls last, and understands TO_DATE', async () => {
    assert.deepEqual(await rowsOf('SELECT 10/4 AS a, 10/4.0 AS b'), [{ a: 2, b: 2.5 }]);
    assert.deepEqual(await rowsOf('SELECT x FROM (VALUES (NULL), (1)) t(x) ORDER BY x'), [
      { x: 1 },
      { x: null },
    ]);
    const dates = `TO_DATE('2020-03-04', 'YYYY-MM-DD') AS a, to_date('04/03/2020', 'dd/mm/yyyy') AS b,
      TO_DATE('202003', 'YYYYMM') AS c`;
    assert.deepEqual(await rowsOf(`SELECT ${dates}`), [
      { a: '2020-03-04', b: '2020-03-04', c: '2020-03-01' },
    ]);
  });

  it('names columns without a name by position, and never two alike', async () => {
    const sql = `SELECT COUNT(*), 1 AS a, 2 AS a, station FROM ${WEATHER} GROUP BY station`;
    assert.deepEqual(namesOf(await client.query(sql)), ['EXPR$0', 'a', 'a0', 'station']);
    const star = await client.query(`SELECT 1, v.*, 2 FROM "@demo".monthly_weather v LIMIT 1`);
    assert.deepEqual(namesOf(star).slice(-1), ['EXPR$6']);
    const union = await client.query('SELECT COUNT(*) FROM sys.version UNION ALL SELECT 2');
    assert.deepEqual(namesOf(union), ['EXPR$0']);
    const nested = await client.query(
      'WITH t AS (SELECT 1 AS b) SELECT MAX(b), b FROM t GROUP BY b',
    );
    assert.deepEqual(namesOf(nested), ['EXPR$0', 'b']);
  });

  it('says in the words of Dremio what it cannot find', async () => {
    const cases: [string, string][] = [
      ['SELECT * FROM nope', "Object 'nope' not found"],
      ['SELECT * FROM Samples.nope.x', "Object 'nope' not found within 'Samples'"],
      [
        'SELECT * FROM samples."samples.dremio.com".nope',
        "Object 'nope' not found within 'Samples.samples.dremio.com'",
      ],
      ['SELECT * FROM a.b.c.d', "Object 'a' not found"],
      ['SELECT * FROM $scratch.nope', "Object 'nope' not found within '$scratch'"],
      [
        'SELECT * FROM INFORMATION_SCHEMA.NOPE',
        "Object 'NOPE' not found within 'INFORMATION_SCHEMA'",
      ],
      ['SELECT * FROM sys.project.jobs_recent', "Object 'project' not found within 'sys'"],
      ['SELECT * FROM sys.organization.users', "Object 'organization' not found within 'sys'"],
      ['SELECT * FROM sys.version v JOIN nope ON true', "Object 'nope' not found"],
      [`SELECT nope FROM ${WEATHER}`, "Column 'nope' not found in any table"],
      [`SELECT w.nope FROM ${WEATHER} w`, "Column 'nope' not found in table 'w'"],
      ['SELECT CONVERT_FROM(1)', 'No match found for function signature CONVERT_FROM'],
    ];
    for (const [sql, message] of cases) assert.equal(await failureOf(sql), message, sql);
    assert.match(await failureOf('SELECT 1 +'), /^Failure parsing the query\.\n\nsyntax error/);
    assert.match(await failureOf('SELEC 1'), /^Failure parsing the query\.\n\nEncountered "SELEC"/);
  });

  it('refuses everything that is not one query', async () => {
    const statements = [
      'SELECT 1; SELECT 2',
      'CREATE TABLE t (a INT)',
      'CREATE TABLE "@demo".t AS SELECT 1',
      `INSERT INTO ${WEATHER} VALUES (1)`,
      `DELETE FROM ${WEATHER}`,
      `DROP TABLE ${WEATHER}`,
      'DROP VIEW "@demo".monthly_weather',
      "COPY (SELECT 1) TO '/tmp/demo-dremio-copy'",
      "EXPORT DATABASE '/tmp/demo-dremio-copy'",
      "IMPORT DATABASE '/tmp'",
      "ATTACH '/tmp/demo-dremio-copy' AS x",
      'PRAGMA enable_logging',
      "SET memory_limit = '64GB'",
      'RESET threads',
      'USE sys',
      'INSTALL httpfs',
      'LOAD httpfs',
      'CALL duckdb_settings()',
      'EXPLAIN SELECT 1',
      'DESCRIBE sys.version',
      'SHOW TABLES',
      'BEGIN TRANSACTION',
      'PREPARE x AS SELECT 1',
      'FROM sys.version',
      'SELECT $1',
      'SELECT ?',
      'WITH t AS (DELETE FROM sys.version RETURNING *) SELECT * FROM t',
      '',
    ];
    for (const sql of statements) await failureOf(sql);
    assert.equal(existsSync('/tmp/demo-dremio-copy'), false);
    assert.deepEqual(await rowsOf(`SELECT COUNT(*) AS n FROM ${WEATHER}`), [{ n: 3833 }]);
  });

  it('reaches no file, no network and no setting from inside a query', async () => {
    const queries = [
      "SELECT * FROM read_csv('/etc/passwd')",
      "SELECT * FROM read_text('/etc/passwd')",
      "SELECT * FROM read_blob('/proc/self/environ')",
      "SELECT * FROM '/etc/passwd.csv'",
      "SELECT * FROM glob('/etc/*')",
      "SELECT * FROM read_csv('https://example.invalid/x.csv')",
      "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
      "SELECT getenv('PATH')",
      'SELECT * FROM "/etc/passwd.csv"',
      'SELECT * FROM "passwd.csv"',
      'SELECT * FROM memory.main.x',
      "SELECT * FROM sqlite_scan('/etc/passwd', 'x')",
      "SELECT * FROM parquet_metadata('/etc/passwd')",
    ];
    for (const sql of queries) {
      const message = await failureOf(sql);
      assert.ok(!message.includes('root:'), message);
    }
    const settings = await rowsOf(
      `SELECT name, value FROM duckdb_settings()
       WHERE name IN ('enable_external_access', 'lock_configuration', 'threads', 'temp_directory') ORDER BY name`,
    );
    assert.deepEqual(settings, [
      { name: 'enable_external_access', value: 'false' },
      { name: 'lock_configuration', value: 'true' },
      { name: 'temp_directory', value: '' },
      { name: 'threads', value: '2' },
    ]);
  });

  it('fails a query that needs more memory than it may have, and goes on', async () => {
    const message = await failureOf(
      "SELECT MAX(length(a)) FROM (SELECT string_agg(repeat('x', 1000), '') AS a FROM range(2000000))",
    );
    assert.match(message, /memory/i);
    assert.deepEqual(await rowsOf('SELECT 1 AS a'), [{ a: 1 }]);
  });

  it('ends every text as a job, whatever it is, without an unexpected error', async () => {
    const words = fc.constantFrom(
      ...'SELECT * FROM WITH VALUES ( ) , . ; 1 \'a\' "b" $c $$ -- /* */ INFORMATION_SCHEMA sys version AS x'.split(
        ' ',
      ),
    );
    const text = fc.array(fc.oneof(words, fc.string({ maxLength: 5 })), { maxLength: 10 });
    const property = fc.asyncProperty(text, async (parts) => {
      const { state, errorMessage } = await client.query(`SELECT ${parts.join(' ')}`);
      assert.ok(state === 'COMPLETED' || (state === 'FAILED' && errorMessage !== ''), errorMessage);
      assert.notEqual(errorMessage, 'Something went wrong.');
    });
    await fc.assert(property, { numRuns: 60 });
    assert.deepEqual(unexpected, []);
  });

  it('answers many queries at the same time, each with its own rows', async () => {
    const answers = await Promise.all(
      [...Array(20).keys()].map((n) =>
        rowsOf(
          `SELECT ${n} AS n, COUNT(*) AS c FROM ${n % 2 ? WEATHER : 'INFORMATION_SCHEMA.CATALOGS'}`,
        ),
      ),
    );
    for (const [n, rows] of answers.entries()) assert.deepEqual(rows, [{ n, c: n % 2 ? 3833 : 1 }]);
  });
});

it('with strict keywords, reserved words need quotes as in Dremio', async () => {
  await using demo = await start({ strictKeywords: true });
  const client = new DremioClient(demo.url);
  await client.login(DEMO_USER);
  const refused = await client.query(`SELECT MIN(date) FROM ${WEATHER}`);
  assert.match(refused.errorMessage, /Encountered "date" at line 1, column 12/);
  const { rows } = await client.query(`SELECT MIN("date") AS "month" FROM ${WEATHER}`);
  assert.deepEqual(rows, [{ month: '2009-01-01T00:00' }]);
});

it('without sample data there is neither source nor view', async () => {
  await using demo = await start({ data: false });
  const client = new DremioClient(demo.url);
  await client.login(DEMO_USER);
  const { errorMessage } = await client.query(`SELECT * FROM ${WEATHER}`);
  assert.equal(errorMessage, "Object 'Samples' not found");
  const { rows } = await client.query('SELECT COUNT(*) AS n FROM INFORMATION_SCHEMA.VIEWS');
  assert.deepEqual(rows, [{ n: 0 }]);
});
