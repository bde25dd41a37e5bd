// The Python part of the proxy's image is pinned: every package by version and hash, and the
// constraints that the server was seen running with.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('../../images/proxy/python/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

interface Requirement {
  readonly name: string;
  readonly version: string;
  readonly hashes: readonly string[];
}

/** The requirements of a pip file; throws on a line that is not `name==version` with hashes. */
function requirements(text: string): Requirement[] {
  const lines = text.replaceAll(/\\\n/g, ' ').split('\n');
  const entries = lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');
  return entries.map((entry) => {
    const match =
      /^(?<name>[a-z0-9-]+)==(?<version>[\w.]+)(?: ; [^\n]*?)?(?<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)$/.exec(
        entry,
      );
    assert.ok(match?.groups, `not pinned by version and hash: ${entry.slice(0, 80)}`);
    const { name = '', version = '', hashes = '' } = match.groups;
    return { name, version, hashes: hashes.trim().split(/\s+/) };
  });
}

const pinned = new Map(
  requirements(read('requirements.txt')).map((one) => [one.name, one.version]),
);

for (const name of ['requirements.txt', 'build-tools.txt', 'dremio-mcp.txt']) {
  test(`every line of ${name} is pinned by version and hash`, () => {
    assert.notEqual(requirements(read(name)).length, 0);
  });
}

test('a requirement without a hash, or with a range of versions, is found out', () => {
  assert.throws(() => requirements('mcp==1.30.0\n'), /not pinned/);
  assert.throws(() => requirements(`mcp>=1.27 --hash=sha256:${'0'.repeat(64)}\n`), /not pinned/);
});

for (const name of ['requirements', 'build-tools']) {
  test(`${name}.txt holds what ${name}.in asks for`, () => {
    const locked = new Set(requirements(read(`${name}.txt`)).map((one) => one.name));
    const asked = read(`${name}.in`).match(/^[a-z][a-z0-9-]*/gm) ?? [];
    assert.notEqual(asked.length, 0);
    assert.deepEqual(
      asked.filter((one) => !locked.has(one)),
      [],
    );
  });

  test(`${name}.txt says how it is made, without machine paths or places to fetch from`, () => {
    const text = read(`${name}.txt`);
    assert.match(text, new RegExp(`^#.*\\n#    uv pip compile .*${name}\\.in\\n`));
    assert.doesNotMatch(text, /:\/\/|--(extra-)?index-url|--find-links|(^|[\s=])\/\w/);
  });
}

test('the command line libraries are ones that the server can be imported with', () => {
  assert.equal(pinned.get('typer'), '0.15.4');
  assert.equal(pinned.get('click'), '8.1.8');
});

test('the protocol library is of the first generation, from 1.27 on', () => {
  const [major, minor] = (pinned.get('mcp') ?? '').split('.').map(Number);
  assert.equal(major, 1);
  assert.ok(minor !== undefined && minor >= 27, `mcp ${pinned.get('mcp')}`);
});

test('the server is the one wheel whose files were compared with the official repository', () => {
  assert.deepEqual(requirements(read('dremio-mcp.txt')), [
    {
      name: 'iflow-mcp-dremio-dremio-mcp',
      version: '0.1.0',
      hashes: ['--hash=sha256:2775594d220836c9c4c94a6bc1dbbca904bd2bbfbc4d41a0f0f5f65ecceb55cc'],
    },
  ]);
});

test('nothing of what the other commands of the server need is installed', () => {
  const heavy = ['langchain', 'openai', 'beeai-framework', 'black', 'pytest', 'fastapi'];
  assert.deepEqual(
    heavy.filter((name) => pinned.has(name)),
    [],
  );
});
