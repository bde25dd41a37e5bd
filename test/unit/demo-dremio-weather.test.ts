import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { WEATHER_COLUMNS, weatherRows } from '../../images/demo-dremio/src/data/weather.ts';

const rows = [...weatherRows()];
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const highsOf = (month: string) =>
  rows.filter(({ date }) => date.slice(5, 7) === month).map(({ tempmax }) => Number(tempmax));

test('there is one row for each of the 3,833 days from 2009-01-01 to 2019-06-30', () => {
  assert.equal(rows.length, 3833);
  assert.equal(rows[0]?.date, '2009-01-01T00:00');
  assert.equal(rows.at(-1)?.date, '2019-06-30T00:00');
  assert.equal(new Set(rows.map(({ date }) => date)).size, 3833);
});

test('every value is text that casts to its type, and none is empty', () => {
  for (const row of rows) {
    assert.deepEqual(Object.keys(row), [...WEATHER_COLUMNS]);
    assert.match(row.date, /^\d{4}-\d\d-\d\dT00:00$/);
    for (const column of ['awnd', 'prcp', 'snow', 'snwd', 'tempmax', 'tempmin'] as const)
      assert.match(row[column], /^-?\d+(\.\d{1,2})?$/);
  }
});

test('the weather is plausible: warm Julys, cold Januaries, snow only when it is cold', () => {
  assert.ok(Math.abs(mean(highsOf('01')) - 38) < 2);
  assert.ok(Math.abs(mean(highsOf('07')) - 84) < 2);
  for (const { tempmax, tempmin, snow } of rows) {
    const spread = Number(tempmax) - Number(tempmin);
    assert.ok(spread >= 8 && spread <= 20);
    if (Number(snow) > 0) assert.ok(Number(tempmax) <= 38);
  }
  const dry = rows.filter(({ prcp }) => Number(prcp) === 0).length;
  assert.ok(dry > rows.length / 2);
  assert.ok(rows.filter(({ snow }) => Number(snow) > 0).length > 50);
});

test('the rows are the same on every start', () => {
  const digest = (all: Iterable<object>) =>
    createHash('sha256')
      .update(JSON.stringify([...all]))
      .digest('hex');
  assert.equal(digest(weatherRows()), digest(rows));
  assert.deepEqual(rows[0], {
    station: 'USW00094728',
    name: 'NY CITY CENTRAL PARK, NY US',
    date: '2009-01-01T00:00',
    awnd: '6.26',
    prcp: '0.00',
    snow: '0.0',
    snwd: '0.0',
    tempmax: '34',
    tempmin: '21',
  });
});
