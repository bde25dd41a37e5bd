// What the image's build says when it is asked for a revision of the server that it cannot have.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../images/proxy/python/install.sh', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'proxy-image-'));
after(() => rmSync(folder, { recursive: true }));

const repository = join(folder, 'repository');
const git = (...args: string[]): string => {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.invalid'];
  const done = spawnSync('git', [...identity, '-C', repository, ...args], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
};

/** Runs install.sh; the environment it is to fill is a folder that must not come to be. */
function install(revision: string): { status: number | null; words: string } {
  const environment = join(folder, 'environment');
  const done = spawnSync('sh', [script, environment], {
    encoding: 'utf8',
    timeout: 20_000,
    env: {
      PATH: process.env.PATH,
      TMPDIR: folder,
      DREMIO_MCP_REVISION: revision,
      DREMIO_MCP_REPOSITORY: repository,
    },
  });
  assert.equal(existsSync(environment), false, 'nothing is installed');
  return { status: done.status, words: done.stderr };
}

test('a branch, a tag or a shortened revision is refused, with what is allowed', () => {
  const upper = 'A'.repeat(40);
  for (const revision of ['main', 'v1.2.3', 'e6c9cdc', upper, `main\n${'a'.repeat(40)}`]) {
    const { status, words } = install(revision);
    assert.equal(status, 1);
    assert.ok(words.includes(`DREMIO_MCP_REVISION is '${revision}'`), words);
    assert.match(words, /a full git revision, 40 digits/);
  }
});

test('a revision that the repository does not have stops the build, naming both', () => {
  assert.equal(spawnSync('git', ['init', '--quiet', repository]).status, 0);
  const revision = 'a'.repeat(40);
  const { status, words } = install(revision);
  assert.equal(status, 1);
  assert.ok(words.includes(`cannot fetch revision ${revision} from ${repository}`), words);
  assert.match(words, /without DREMIO_MCP_REVISION the pinned version is installed/);
});

test('a revision without a lock file is refused, since its dependencies cannot be pinned', () => {
  git('commit', '--quiet', '--allow-empty', '--message', 'Nothing');
  const { status, words } = install(git('rev-parse', 'HEAD'));
  assert.equal(status, 1);
  assert.match(words, /has no uv\.lock/);
});
