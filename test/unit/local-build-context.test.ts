import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, test } from 'node:test';
import { extract } from 'tar-stream';
import {
  contextArchive,
  contextDigest,
  ignoreList,
  readBuildContext,
} from '../../local/resources/build-context.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'local-context-'));
});
afterEach(() => rm(root, { recursive: true }));

async function files(content: Record<string, string>) {
  for (const [path, text] of Object.entries(content)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

const dockerfile = () => join(root, 'app/Dockerfile');
const read = () => readBuildContext(root, dockerfile());
const digest = async () => contextDigest(await read());

test('the list beside the Dockerfile decides, and the Dockerfile itself is always in', async () => {
  await files({
    'app/Dockerfile': 'FROM scratch',
    'app/Dockerfile.dockerignore': '*\n!app/src\n**/*.log\n!docs/*.md\n',
    '.dockerignore': '!secret',
    'app/src/main.ts': '',
    'app/src/debug.log': '',
    'docs/a.md': '',
    'docs/a.png': '',
    'node_modules/big/index.js': '',
    secret: '',
  });
  const { entries, dockerfile: inside } = await read();
  assert.equal(inside, 'app/Dockerfile');
  assert.deepEqual(
    entries.map(({ kind, path }) => `${kind} ${path}`),
    [
      'folder app',
      'file app/Dockerfile',
      'folder app/src',
      'file app/src/main.ts',
      'folder docs',
      'file docs/a.md',
    ],
  );
});

test('folders that cannot hold anything wanted are not looked into', () => {
  const allowList = ignoreList('*\n!images/kit\n', 'images/proxy/Dockerfile');
  assert.ok(allowList.mayHoldExceptions('images'));
  assert.ok(allowList.mayHoldExceptions('images/kit'));
  assert.ok(allowList.mayHoldExceptions('images/kit/src'));
  assert.ok(allowList.mayHoldExceptions('images/proxy'));
  assert.ok(!allowList.mayHoldExceptions('node_modules'));
  assert.ok(!allowList.mayHoldExceptions('images/kitchen'));
  assert.ok(ignoreList('*\n!**/*.md', 'Dockerfile').mayHoldExceptions('anything'));
});

test('the digest follows content, names, modes and links, and nothing that is left out', async () => {
  await files({ 'app/Dockerfile': 'FROM scratch', '.dockerignore': 'out', a: '1', out: '1' });
  await symlink('a', join(root, 'link'));
  const seen = new Set([await digest()]);
  const changes: (() => Promise<unknown>)[] = [
    () => files({ a: '2' }),
    () => chmod(join(root, 'a'), 0o755),
    () => files({ b: '' }),
    async () => {
      await rm(join(root, 'link'));
      await symlink('b', join(root, 'link'));
    },
    () => rm(join(root, 'b')),
  ];
  for (const change of changes) {
    await change();
    const now = await digest();
    assert.ok(!seen.has(now), change.toString());
    seen.add(now);
    await files({ out: String(Math.random()) });
    assert.equal(await digest(), now);
  }
});

test('the archive holds the files as they are, all owned by root', async () => {
  await files({ 'app/Dockerfile': 'FROM scratch', 'app/run.sh': '#!/bin/sh' });
  await chmod(join(root, 'app/run.sh'), 0o755);
  await symlink('run.sh', join(root, 'app/link'));
  const found: string[] = [];
  const unpack = extract();
  unpack.on('entry', (header, stream, next) => {
    const { name, type, mode = 0, uid, gid, linkname } = header;
    found.push([name, type, (mode & 0o777).toString(8), uid, gid, linkname].join(' ').trim());
    stream.resume();
    stream.on('end', next);
  });
  await pipeline(contextArchive(await read()), unpack);
  assert.deepEqual(found, [
    'app directory 755 0 0',
    'app/Dockerfile file 644 0 0',
    'app/link symlink 777 0 0 run.sh',
    'app/run.sh file 755 0 0',
  ]);
});

test('a Dockerfile that is missing or outside the context is said with its path', async () => {
  await assert.rejects(read(), /There is no Dockerfile at .*app\/Dockerfile/);
  await assert.rejects(
    readBuildContext(join(root, 'app'), join(root, 'Dockerfile')),
    /outside the build context/,
  );
});
