import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dremioColumnNames } from '../../images/demo-dremio/src/sql/column-names.ts';
import { dremioErrorText, notFound } from '../../images/demo-dremio/src/sql/error-text.ts';
import { nameChains } from '../../images/demo-dremio/src/sql/names.ts';
import { refuseReservedWords } from '../../images/demo-dremio/src/sql/reserved-words.ts';
import { rewrite } from '../../images/demo-dremio/src/sql/rewrite.ts';
import { isSignificant, tokenize } from '../../images/demo-dremio/src/sql/tokenizer.ts';

const INTERNAL = '"$information_schema"';

test('tokens joined again are the text, whatever it is', () => {
  const pieces = fc.constantFrom(
    ...[
      "'",
      '"',
      '--',
      '/*',
      '*/',
      '\n',
      '$$',
      '$a$',
      ';',
      "E'\\'",
      'a.b',
      '1e5',
      '$x',
      'é',
      '😀',
      ' ',
    ],
  );
  const text = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 12 });
  fc.assert(
    fc.property(text, (parts) => {
      const sql = parts.join('');
      assert.equal(
        tokenize(sql)
          .map(({ text }) => text)
          .join(''),
        sql,
      );
    }),
  );
});

test('every form of string, name and comment is one token', () => {
  const significant = (sql: string) =>
    tokenize(sql)
      .filter(isSignificant)
      .map(({ kind }) => kind);
  assert.deepEqual(significant("'it''s'"), ['string']);
  assert.deepEqual(significant("E'it\\'s; --'"), ['string']);
  assert.deepEqual(significant("$$ ' ; $$"), ['string']);
  assert.deepEqual(significant('$q$ $$ ; $q$'), ['string']);
  assert.deepEqual(significant('"a""b; --"'), ['quoted']);
  assert.deepEqual(significant('/* a /* b */ ; */ x -- y ; z'), ['word']);
  assert.deepEqual(significant('$scratch.x'), ['dollar', 'symbol', 'word']);
  assert.deepEqual(significant('1.5e-3'), ['number']);
});

test('INFORMATION_SCHEMA becomes the internal schema where it heads a chain of names', () => {
  for (const head of ['INFORMATION_SCHEMA', 'information_schema', '"INFORMATION_SCHEMA"'])
    assert.equal(rewrite(`SELECT * FROM ${head}."TABLES"`), `SELECT * FROM ${INTERNAL}."TABLES"`);
  assert.equal(
    rewrite('SELECT * FROM INFORMATION_SCHEMA /* here */ . VIEWS'),
    `SELECT * FROM ${INTERNAL} /* here */ . VIEWS`,
  );
});

test('INFORMATION_SCHEMA stays in strings, comments, aliases and inner parts of names', () => {
  for (const sql of [
    "SELECT 'INFORMATION_SCHEMA.x'",
    'SELECT 1 -- INFORMATION_SCHEMA.x',
    'SELECT /* INFORMATION_SCHEMA.x */ 1',
    'SELECT 1 AS INFORMATION_SCHEMA',
    'SELECT * FROM a.INFORMATION_SCHEMA.b',
    'SELECT $$INFORMATION_SCHEMA.x$$',
  ])
    assert.equal(rewrite(sql), sql);
});

test('$scratch without quotes is a name', () => {
  assert.equal(rewrite('SELECT * FROM $scratch.t'), 'SELECT * FROM "$scratch".t');
});

test('one semicolon at the end is dropped, a second statement is refused', () => {
  assert.equal(rewrite('SELECT 1 ; -- end'), 'SELECT 1  -- end');
  assert.equal(rewrite("SELECT ';'"), "SELECT ';'");
  for (const sql of ['SELECT 1; SELECT 2', 'SELECT 1;;', "SELECT ''; DROP TABLE x; --'"])
    assert.throws(() => rewrite(sql), /single statement/);
});

test('only what begins like a query is let through', () => {
  for (const sql of ['WITH a AS (SELECT 1) SELECT * FROM a', 'values (1)', '((SELECT 1))'])
    assert.doesNotThrow(() => rewrite(sql));
  for (const sql of ['DROP TABLE x', '/* SELECT */ insert into x values (1)', 'EXPLAIN SELECT 1'])
    assert.throws(() => rewrite(sql), /is not supported: this demo server only answers queries/);
  for (const sql of ['FROM x', 'PIVOT x ON y', 'PRAGMA version', '"SELECT" 1', "'SELECT'"])
    assert.throws(() => rewrite(sql), /Encountered .* at line 1, column 1/);
  for (const sql of ['', ' \n', '-- nothing', ';']) assert.throws(() => rewrite(sql), /is empty/);
  assert.throws(() => rewrite('\n  SELEC 1'), /Encountered "SELEC" at line 2, column 3/);
});

test('chains of names are found with their quotes undone', () => {
  assert.deepEqual(nameChains('a . "b.c" /* */ .d x, "e""f".g'), [
    ['a', 'b.c', 'd'],
    ['x'],
    ['e"f', 'g'],
  ]);
});

const column = (alias = '') => ({ class: 'COLUMN_REF', alias });
const call = (alias = '') => ({ class: 'FUNCTION', alias });
const star = () => ({ class: 'STAR', alias: '' });
const select = (...items: object[]) => ({ type: 'SELECT_NODE', select_list: items });
const tree = (node: object) => ({ error: false, statements: [{ node }] });

test('columns without a name are EXPR$ and their position', () => {
  const names = ['count_star()', 'a', 'b', 'max(c)'];
  const items = select(call(), column(), call('b'), call());
  assert.deepEqual(dremioColumnNames(names, tree(items)), ['EXPR$0', 'a', 'b', 'EXPR$3']);
});

test('a star counts for the columns that it stands for', () => {
  const names = ['1', 'x', 'y', 'z', '2'];
  const items = select(call(), star(), call());
  assert.deepEqual(dremioColumnNames(names, tree(items)), ['EXPR$0', 'x', 'y', 'z', 'EXPR$4']);
});

test('a union takes its names from its first branch', () => {
  const union = { type: 'SET_OPERATION_NODE', left: select(call()), right: select(column()) };
  assert.deepEqual(dremioColumnNames(['1'], tree(union)), ['EXPR$0']);
});

test('no name comes twice, and names stay where the structure is unknown', () => {
  assert.deepEqual(dremioColumnNames(['a', 'a', 'a', 'a0'], null), ['a', 'a0', 'a1', 'a00']);
  assert.deepEqual(dremioColumnNames(['1'], { error: true }), ['1']);
});

test('engine errors come in the words of Dremio, without the rewritten statement', () => {
  const cases: [string, string][] = [
    [
      'Binder Error: Referenced column "nope" not found in FROM clause!\nCandidate bindings: "a"',
      "Column 'nope' not found in any table",
    ],
    [
      'Binder Error: Table "t" does not have a column named "nope"\n\nCandidate bindings: : "a"',
      "Column 'nope' not found in table 't'",
    ],
    [
      'Catalog Error: Scalar Function with name nope does not exist!\nDid you mean "now"?',
      'No match found for function signature NOPE',
    ],
    [
      'Parser Error: syntax error at or near "x"\n\nLINE 1: selct x\n  ^',
      'Failure parsing the query.\n\nsyntax error at or near "x"',
    ],
    [`Binder Error: something about ${INTERNAL}.x`, 'something about "INFORMATION_SCHEMA".x'],
    ['Out of Memory Error: failed', 'failed'],
  ];
  for (const [message, expected] of cases) assert.equal(dremioErrorText(message), expected);
});

test('what is missing is named with the last container that is there', () => {
  assert.equal(notFound({ name: 'foo', within: [] }).message, "Object 'foo' not found");
  assert.equal(
    notFound({ name: 'foo', within: ['Samples', 'a.b'] }).message,
    "Object 'foo' not found within 'Samples.a.b'",
  );
});

test('reserved words are refused as names and accepted in their own roles', () => {
  const accepted = [
    'SELECT "date", "year" FROM t',
    "SELECT DATE '2020-01-01', TIMESTAMP '2020-01-01 00:00:00'",
    'SELECT CAST(a AS DATE), CAST(b AS TIMESTAMP)',
    'SELECT EXTRACT(YEAR FROM a), YEAR(a), COUNT(*), MAX(b)',
    "SELECT a + INTERVAL '1' DAY, INTERVAL '1-2' YEAR TO MONTH",
    'SELECT TIMESTAMPADD(DAY, 1, a)',
    'SELECT CASE WHEN a THEN 1 END AS b',
    'SELECT * FROM INFORMATION_SCHEMA."TABLES"',
  ];
  for (const sql of accepted) assert.doesNotThrow(() => refuseReservedWords(sql), sql);
  const refused: [string, string][] = [
    ['SELECT date FROM t', 'date'],
    ['SELECT MIN(date) FROM t', 'date'],
    ['SELECT a AS year FROM t', 'year'],
    ['SELECT a FROM t GROUP BY month', 'month'],
    ['SELECT t.date FROM t', 'date'],
    ['SELECT * FROM INFORMATION_SCHEMA.TABLES', 'TABLES'],
  ];
  for (const [sql, word] of refused)
    assert.throws(
      () => refuseReservedWords(sql),
      new RegExp(`Encountered "${word}" at line 1`),
      sql,
    );
});
