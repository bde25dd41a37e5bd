import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { demoSettings } from '../../images/demo-dremio/src/settings.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { refresherSettings } from '../../images/refresher/src/settings.ts';
import { keys, secretKeys } from '../../infra/config/keys.ts';
import { settingsPage } from '../../scripts/docs/settings-page.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const project = read('Pulumi.yaml');
const page = settingsPage(project);
/** The cells of the rows under a heading. */
const rowsUnder = (heading: string) =>
  (page.split(`# ${heading}\n`)[1]?.split('\n#')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim())
        .slice(1, -1),
    );

describe('docs/settings.md', () => {
  it('is what the settings are today', () => {
    assert.equal(
      read('docs/settings.md'),
      page,
      'docs/settings.md is not what the settings say; make it anew with: npm run docs',
    );
  });

  it('has a row for every key of a stack, with its default and, for secrets, that they are some', () => {
    const rows = rowsUnder('A stack');
    assert.deepEqual(
      rows.map(([key]) => key),
      Object.keys(keys).map((key) => `\`${key}\``),
    );
    const port = rows.find(([key]) => key === '`mcpPort`');
    assert.deepEqual(port?.slice(1, 3), ['`8470`', 'a whole number from 1 to 65535']);
    for (const [key = '', byDefault, , meaning = ''] of rows) {
      const secret = secretKeys.has(key.slice(1, -1));
      assert.equal(meaning.startsWith('**Secret.**'), secret, key);
      if (secret) assert.equal(byDefault, 'none');
    }
  });

  for (const [title, schema] of [
    ['The refresher', refresherSettings],
    ['The proxy', proxySettings],
    ['The demo Dremio', demoSettings],
  ] as const)
    it(`has a row of four cells for every variable of ${title.toLowerCase()}`, () => {
      const rows = rowsUnder(title);
      assert.deepEqual(
        rows.map(([variable]) => variable).sort(),
        Object.values(schema)
          .map(({ variable }) => `\`${variable}\``)
          .sort(),
      );
      for (const row of rows) {
        assert.equal(row.length, 4, row.join());
        assert.ok(
          row.every((cell) => cell !== ''),
          row.join(),
        );
      }
    });

  it('tells required variables, optional ones and secrets apart', () => {
    const cells = Object.fromEntries(
      rowsUnder('The refresher').map(([variable, byDefault, , meaning]) => [
        variable,
        [byDefault, meaning?.startsWith('**Secret**')],
      ]),
    );
    assert.deepEqual(cells['`DREMIO_USERNAME`'], ['**required**', false]);
    assert.deepEqual(cells['`DREMIO_PASSWORD_FILE`'], ['**required**', true]);
    assert.deepEqual(cells['`DREMIO_CA_FILE`'], ['none', false]);
    assert.deepEqual(cells['`CHECK_INTERVAL`'], ['`300`', false]);
  });

  it('escapes what would end a cell', () => {
    const odd = project.replace(
      /description: TCP port of the MCP URL[^\n]*/,
      'description: a | b <c>',
    );
    assert.match(settingsPage(odd), /^\| `mcpPort` \| `8470` \| .* \| a \\\| b \\<c> \|$/m);
  });

  it('cannot be made while a key has no meaning', () => {
    const without = project.replace(/ {2}mcpPort:\n( {4}.*\n)+/, '');
    assert.throws(() => settingsPage(without), /"mcpPort" has no meaning: describe it/);
  });
});
