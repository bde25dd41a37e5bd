/** The sample catalog: source `Samples` with the weather table, and a home space with a view for each user. */
import { WEATHER_COLUMNS } from '../data/weather.ts';
import { type Container, type Dataset, stableId, typed, varchar } from './model.ts';

export const SAMPLE_SOURCE = 'Samples';
export const SAMPLE_FOLDER = 'samples.dremio.com';
export const WEATHER_TABLE = 'NYC-weather.csv';
export const WEATHER_PATH = [SAMPLE_SOURCE, SAMPLE_FOLDER, WEATHER_TABLE] as const;
export const MONTHLY_VIEW = 'monthly_weather';

/** Works in Dremio and in the engine alike: reserved words in quotes, dates cut before they are cast. */
const MONTHLY_SQL = `SELECT
  EXTRACT(YEAR FROM CAST(SUBSTRING("date", 1, 10) AS DATE)) AS "year",
  EXTRACT(MONTH FROM CAST(SUBSTRING("date", 1, 10) AS DATE)) AS "month",
  AVG(CAST(tempmax AS DOUBLE)) AS avg_tempmax,
  AVG(CAST(tempmin AS DOUBLE)) AS avg_tempmin,
  SUM(CAST(prcp AS DOUBLE)) AS total_prcp
FROM Samples."samples.dremio.com"."NYC-weather.csv"
GROUP BY 1, 2`;

const node = (path: readonly string[], createdAt: number) => ({
  id: stableId('entity', ...path),
  path,
  tag: stableId('tag', ...path),
  createdAt,
});

export function sampleSource(createdAt: number): Container {
  const folder = [SAMPLE_SOURCE, SAMPLE_FOLDER];
  const table: Dataset = {
    ...node(WEATHER_PATH, createdAt),
    kind: 'table',
    columns: WEATHER_COLUMNS.map(varchar),
    labels: ['weather', 'synthetic', 'daily'],
    wiki: [
      '# NYC weather',
      '',
      'One row a day from 2009-01-01 to 2019-06-30, 3,833 in all. **Synthetic**: generated, not measured.',
      'Every column is text; cast before you compute: `CAST(tempmax AS DOUBLE)`.',
      '',
      '- `date`: the day, e.g. `2009-01-01T00:00`',
      '- `tempmax`, `tempmin`: degrees Fahrenheit',
      '- `prcp`, `snow`, `snwd`: rain, snowfall and snow depth in inches',
      '- `awnd`: wind speed in miles per hour',
    ].join('\n'),
  };
  const file = (name: string) => ({
    ...node([...folder, name], createdAt),
    // Files have no entry in Dremio's namespace; their id is made of their path.
    id: `dremio:/${[...folder, name].join('/')}`,
    kind: 'file' as const,
  });
  return {
    ...node([SAMPLE_SOURCE], createdAt),
    kind: 'source',
    wiki: 'Sample data of this demo server. All of it is synthetic.',
    children: [
      {
        ...node(folder, createdAt),
        kind: 'folder',
        children: [table, file('SF weather 2018.csv')],
      },
    ],
  };
}

/** The home space of a user; it has the sample view when there is sample data. */
export function homeOf(userName: string, createdAt: number, withView: boolean): Container {
  const home = `@${userName}`;
  const path = [home, MONTHLY_VIEW];
  const view: Dataset = {
    ...node(path, createdAt),
    kind: 'view',
    columns: [
      typed('BIGINT', 'year'),
      typed('BIGINT', 'month'),
      ...['avg_tempmax', 'avg_tempmin', 'total_prcp'].map((name) => typed('DOUBLE', name)),
    ],
    labels: ['weather', 'monthly'],
    wiki: 'Monthly averages of the synthetic daily weather table.',
    sql: MONTHLY_SQL,
    parents: [WEATHER_PATH],
  };
  return { ...node([home], createdAt), kind: 'home', children: withView ? [view] : [] };
}
