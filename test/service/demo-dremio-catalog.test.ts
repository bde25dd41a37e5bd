import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { DremioClient } from '../helpers/dremio-client.ts';

const TABLE = 'Samples/samples.dremio.com/NYC-weather.csv';

/** The parts of a catalog entity that these tests look at. */
interface Entity {
  readonly id: string;
  readonly path: string[];
  readonly type: string;
  readonly [field: string]: unknown;
}

describe('the catalog of the demo Dremio', () => {
  let demo: DemoDremio;
  let client: DremioClient;
  before(async () => {
    const users = [DEMO_USER, { userName: 'ann', password: 'letters-and-1' }];
    demo = await start({ users });
    client = new DremioClient(demo.url);
    await client.login(DEMO_USER);
  });
  after(() => demo.close());

  const byPath = async (path: string) => {
    const { status, json } = await client.get(`/api/v3/catalog/by-path/${path}`);
    assert.equal(status, 200, path);
    return json;
  };
  const idOf = async (path: string): Promise<string> => (await byPath(path)).id;
  const notes = (id: string, kind: 'tag' | 'wiki') =>
    client.get(`/api/v3/catalog/${encodeURIComponent(id)}/collaboration/${kind}`);

  it('shows the home of the caller and the source at its root', async () => {
    const { json } = await client.get('/api/v3/catalog');
    const shown = json.data.map(({ path, type, containerType }: Entity) => [
      path,
      type,
      containerType,
    ]);
    assert.deepEqual(shown, [
      [['Samples'], 'CONTAINER', 'SOURCE'],
      [['@demo'], 'CONTAINER', 'HOME'],
    ]);
  });

  it('has a source with a name and no path', async () => {
    const source = await byPath('Samples');
    assert.deepEqual(
      [source.entityType, source.name, source.type, source.state.status, 'path' in source],
      ['source', 'Samples', 'S3', 'good', false],
    );
    assert.deepEqual(source.config.externalBucketList, ['samples.dremio.com']);
    assert.ok(source.tag && source.createdAt && source.metadataPolicy);
    assert.deepEqual(
      source.children.map(({ path, containerType }: Entity) => [path, containerType]),
      [[['Samples', 'samples.dremio.com'], 'FOLDER']],
    );
  });

  it('has a folder with a table and a file that no one has formatted', async () => {
    const folder = await byPath('Samples/samples.dremio.com');
    assert.deepEqual(
      [folder.entityType, folder.path],
      ['folder', ['Samples', 'samples.dremio.com']],
    );
    const [table, file] = folder.children;
    assert.deepEqual([table.type, table.datasetType], ['DATASET', 'PROMOTED']);
    assert.equal(file.type, 'FILE');
    assert.equal(file.id, 'dremio:/Samples/samples.dremio.com/SF weather 2018.csv');
    const { status, json } = await client.get(`/api/v3/catalog/${encodeURIComponent(file.id)}`);
    assert.deepEqual([status, json.entityType, json.path], [200, 'file', file.path]);
  });

  it('describes the table with its fields and format', async () => {
    const table = await byPath(TABLE);
    assert.deepEqual(
      [table.entityType, table.type, table.path.join('/')],
      ['dataset', 'PHYSICAL_DATASET', TABLE],
    );
    assert.equal(table.fields.length, 9);
    assert.deepEqual(table.fields[0], { name: 'station', type: { name: 'VARCHAR' } });
    assert.deepEqual(
      [table.format.type, table.format.extractHeader, table.approximateStatisticsAllowed],
      ['Text', true, false],
    );
    assert.equal('sql' in table, false);
  });

  it('describes the view in the home space with its statement', async () => {
    const home = await byPath('@demo');
    assert.deepEqual([home.entityType, home.name], ['home', '@demo']);
    assert.deepEqual(home.children[0].datasetType, 'VIRTUAL');
    const view = await byPath('%40demo/monthly_weather');
    assert.deepEqual([view.type, view.sqlContext], ['VIRTUAL_DATASET', ['@demo']]);
    assert.match(view.sql, /^SELECT/);
    assert.deepEqual(view.fields[0], { name: 'year', type: { name: 'BIGINT' } });
    assert.equal('format' in view, false);
  });

  it('describes system tables', async () => {
    const table = await byPath('INFORMATION_SCHEMA/TABLES');
    assert.deepEqual([table.type, table.fields.length], ['PHYSICAL_DATASET', 4]);
    assert.equal((await byPath('sys')).entityType, 'source');
  });

  it('finds by path in any case, decodes each segment alone, and ignores the usual parameters', async () => {
    const { id } = await byPath(TABLE);
    const query = 'removeCatalogName=true&include=x&exclude=children&maxChildren=1&pageToken=x';
    assert.equal(await idOf(`samples/SAMPLES.dremio.com/nyc-weather.csv?${query}`), id);
    assert.equal(await idOf('Samples/samples%2Edremio%2Ecom/NYC%2Dweather.csv'), id);
    const { json } = await client.get(`/api/v3/catalog/${id}`);
    assert.equal(json.id, id);
  });

  it('keeps its ids from one start to the next', async () => {
    await using other = await start();
    const second = new DremioClient(other.url);
    await second.login(DEMO_USER);
    const { json } = await second.get(`/api/v3/catalog/by-path/${TABLE}`);
    assert.equal(json.id, await idOf(TABLE));
  });

  it('answers 404 for paths and ids that nothing has', async () => {
    const missing = [
      'by-path/nope',
      'by-path/Samples/nope',
      `by-path/${TABLE}/deeper`,
      'nope',
      'by-path',
    ];
    for (const path of missing) {
      const { status, json } = await client.get(`/api/v3/catalog/${path}`);
      assert.equal(status, 404, path);
      assert.match(json.errorMessage, /Could not find entity with/);
    }
  });

  it('has tags on tables and views, and refuses them for anything else', async () => {
    const table = await notes(await idOf(TABLE), 'tag');
    assert.deepEqual(table.json.tags, ['weather', 'synthetic', 'daily']);
    assert.ok(table.json.version);
    const untagged = await notes(await idOf('sys/version'), 'tag');
    assert.deepEqual(untagged.json, { tags: [] });
    for (const path of ['Samples', 'Samples/samples.dremio.com', '@demo'])
      assert.equal((await notes(await idOf(path), 'tag')).status, 400, path);
    assert.equal((await notes('nope', 'tag')).status, 400);
    assert.equal(
      (await notes('dremio:/Samples/samples.dremio.com/SF weather 2018.csv', 'tag')).status,
      400,
    );
  });

  it('has wikis on source, table and view, and an empty one elsewhere', async () => {
    assert.match((await notes(await idOf(TABLE), 'wiki')).json.text, /Synthetic/);
    assert.match((await notes(await idOf('Samples'), 'wiki')).json.text, /demo server/);
    assert.match((await notes(await idOf('@demo/monthly_weather'), 'wiki')).json.text, /Monthly/);
    assert.deepEqual((await notes(await idOf('sys'), 'wiki')).json, { text: '' });
    assert.equal((await notes('nope', 'wiki')).status, 400);
  });

  it('changes a wiki and tags only with the newest version', async () => {
    const id = await idOf('Samples/samples.dremio.com');
    const wiki = (json: object) => client.post(`/api/v3/catalog/${id}/collaboration/wiki`, json);
    assert.deepEqual((await wiki({ text: 'one' })).json, { text: 'one', version: 0 });
    assert.equal((await wiki({ text: 'two' })).status, 409);
    assert.deepEqual((await wiki({ text: 'two', version: 0 })).json, { text: 'two', version: 1 });
    const stale = await wiki({ text: 'three', version: 0 });
    assert.equal(stale.status, 409);
    assert.match(stale.json.errorMessage, /version \[0\] does not match the stored version \[1\]/);
    assert.equal((await notes(id, 'wiki')).json.text, 'two');
    assert.equal((await wiki({ version: 1 })).status, 400);

    const view = await idOf('@demo/monthly_weather');
    const tags = (json: object) => client.post(`/api/v3/catalog/${view}/collaboration/tag`, json);
    const { version } = (await notes(view, 'tag')).json;
    assert.equal((await tags({ tags: ['a'] })).status, 409);
    const changed = await tags({ tags: ['a'], version });
    assert.deepEqual([changed.status, changed.json.tags], [200, ['a']]);
    assert.equal((await tags({ tags: ['b'], version })).status, 409);
    assert.equal((await tags({ tags: 'b', version: changed.json.version })).status, 400);
  });

  it('has neither lineage nor search nor personal access tokens in the Community edition', async () => {
    assert.equal((await client.get(`/api/v3/catalog/${await idOf(TABLE)}/graph`)).status, 404);
    assert.equal((await client.post('/api/v3/search', { query: 'weather' })).status, 404);
    assert.equal((await client.post('/api/v3/user/1/token', { label: 'x' })).status, 404);
    assert.equal((await client.get('/api/v4/ai/tools')).status, 404);
  });
});

describe('the Enterprise edition of the demo Dremio', () => {
  let demo: DemoDremio;
  let client: DremioClient;
  before(async () => {
    demo = await start({ edition: 'enterprise' });
    client = new DremioClient(demo.url);
    await client.login(DEMO_USER);
  });
  after(() => demo.close());

  it('shows where a dataset comes from and who reads it', async () => {
    const graph = async (path: string) => {
      const { id } = (await client.get(`/api/v3/catalog/by-path/${path}`)).json;
      return (await client.get(`/api/v3/catalog/${id}/graph?removeCatalogName=true`)).json;
    };
    const paths = (nodes: Entity[]) => nodes.map(({ path }) => path.join('/'));
    const table = await graph(TABLE);
    assert.deepEqual(
      [paths(table.sources), paths(table.parents), paths(table.children)],
      [['Samples'], [], ['@demo/monthly_weather']],
    );
    assert.equal(table.sources[0].containerType, 'SOURCE');
    const view = await graph('@demo/monthly_weather');
    assert.deepEqual(
      [paths(view.sources).sort(), paths(view.parents), paths(view.children)],
      [['@demo', 'Samples'], [TABLE], []],
    );
    assert.equal(view.parents[0].datasetType, 'PROMOTED');
    for (const node of [...view.sources, ...view.parents, ...table.children])
      for (const field of ['id', 'path', 'tag', 'createdAt', 'type'])
        assert.ok(field in node, field);
    assert.equal((await client.get('/api/v3/catalog/nope/graph')).status, 404);
  });

  it('finds tables and views by text, of one category when asked', async () => {
    const search = async (json: object) => {
      const { results } = (await client.post('/api/v3/search', json)).json;
      return results.map((hit: { category: string; catalogObject: Entity }) => [
        hit.category,
        hit.catalogObject.path.at(-1),
      ]);
    };
    const both = [
      ['TABLE', 'NYC-weather.csv'],
      ['VIEW', 'monthly_weather'],
    ];
    assert.deepEqual(await search({ query: 'WEATHER' }), both);
    assert.deepEqual(await search({ query: 'weather', filter: 'category in ["VIEW"]' }), [both[1]]);
    assert.deepEqual(await search({ query: 'weather', maxResults: 1 }), [both[0]]);
    assert.deepEqual(await search({ query: 'nothing like it' }), []);
    assert.equal((await client.post('/api/v3/search', { query: 'x', maxResults: -1 })).status, 400);
  });
});
