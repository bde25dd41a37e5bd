/**
 * scripts/preview-ci in a checkout that has nothing but what git has. Needs the Pulumi CLI with the plugins of the
 * program's providers; says so where it is missing. A Docker engine is not needed, and must not be asked.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { repository } from '../helpers/lakehouse-command.ts';

const run = promisify(execFile);
const missing =
  spawnSync('pulumi', ['version']).status === 0
    ? false
    : 'SKIPPED: there is no Pulumi CLI on PATH, so no stack was previewed';

describe('scripts/preview-ci', { skip: missing }, () => {
  let folder: string;
  let checkout: string;
  let temporary: string;
  /** Counts whoever asks for a Docker engine, by socket or by ssh. */
  let engine: Server;
  let asked = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'preview-ci-'));
    checkout = join(folder, 'checkout');
    temporary = join(folder, 'tmp');
    for (const path of [checkout, temporary, join(folder, 'bin')]) await mkdir(path);
    await run(
      'bash',
      [
        '-c',
        'git ls-files -co --exclude-standard -z | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$0"',
        checkout,
      ],
      { cwd: repository },
    );
    await symlink(join(repository, 'node_modules'), join(checkout, 'node_modules'));
    const git = (...words: string[]) =>
      run('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', ...words], {
        cwd: checkout,
      });
    await git('init', '-q');
    await writeFile(join(checkout, '.git', 'info', 'exclude'), 'node_modules\n');
    await git('add', '-A');
    await git('commit', '-q', '-m', 'all');
    await writeFile(
      join(folder, 'bin', 'ssh'),
      `#!/bin/sh\ntouch ${folder}/ssh-was-called\nexit 1\n`,
    );
    await chmod(join(folder, 'bin', 'ssh'), 0o755);
    engine = createServer((socket) => {
      asked += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => engine.once('listening', resolve));
  });
  after(async () => {
    engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  function start(...words: string[]): ChildProcess & { said(): string } {
    const address = engine.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const child = spawn('scripts/preview-ci', words, {
      cwd: checkout,
      env: {
        ...process.env,
        PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
        TMPDIR: temporary,
        DOCKER_HOST: `tcp://127.0.0.1:${port}`,
      },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    return Object.assign(child, { said: () => text });
  }
  async function preview(...words: string[]) {
    const child = start(...words);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, text: child.said() };
  }

  it('passes every stack of the repository, asks no engine and leaves nothing behind', async () => {
    const report = join(folder, 'report.md');
    const { code, text } = await preview(report);
    assert.equal(code, 0, text);
    const written = await readFile(report, 'utf8');
    for (const stack of ['dev', 'prod']) assert.match(written, new RegExp(`### ${stack}: passes`));
    assert.match(written, /0 policy violations \(lakehouse/, 'the policy pack was applied');
    assert.ok(text.includes(written), 'the report is on standard output too');
    assert.equal(asked, 0);
    assert.deepEqual((await readdir(folder)).sort(), ['bin', 'checkout', 'report.md', 'tmp']);
    assert.deepEqual(await readdir(temporary), []);
    const { stdout } = await run('git', ['status', '--porcelain'], { cwd: checkout });
    assert.equal(stdout, '');
  });

  it('says what a change does to a stack that is there', async () => {
    const unchanged = await preview('--stack', 'dev', '--base', 'HEAD');
    assert.match(unchanged.text, /Against ` [0-9a-f]{7,} `\*\*: nothing changes\./);
    const file = join(checkout, 'images', 'proxy', 'src', 'main.ts');
    const source = await readFile(file, 'utf8');
    await writeFile(file, `${source}\n// Changed.\n`);
    try {
      const { code, text } = await preview('--stack', 'dev', '--base', 'HEAD');
      assert.equal(code, 0, text);
      assert.match(
        text,
        /🟡 update \| ` proxy ` \| ` docker Image ` \| ` changed: files of the build/,
      );
      assert.match(text, /🟠 \*\*replace\*\* \| ` proxy ` \| ` docker Container `/);
      assert.doesNotMatch(text, /refresher ` \|.*changed/);
    } finally {
      await writeFile(file, source);
    }
  });

  it('refuses what breaks a policy, with the rule’s own words', async () => {
    const file = join(checkout, 'infra', 'platform', 'hardening.ts');
    const source = await readFile(file, 'utf8');
    await writeFile(file, source.replace('readOnly: true', 'readOnly: false'));
    try {
      const { code, text } = await preview('--stack', 'dev');
      assert.equal(code, 1, text);
      assert.match(text, /### dev: refused/);
      assert.match(text, /its root is writable; set readOnly to true/);
    } finally {
      await writeFile(file, source);
    }
  });

  it('shows why a stack cannot be previewed, without a stack trace', async () => {
    const file = join(checkout, 'Pulumi.odd.yaml');
    await writeFile(file, 'config:\n  lakehouse-mcp:demo: true\n  lakehouse-mcp:mcpPrt: 3\n');
    try {
      const { code, text } = await preview('--stack', 'odd');
      assert.equal(code, 1, text);
      assert.match(text, /"mcpPrt" is not a config key; did you mean "mcpPort"\?/);
      assert.doesNotMatch(text, /\n\s+at /);
    } finally {
      await rm(file);
    }
  });

  it('cleans up when it is interrupted', async () => {
    const child = start('--stack', 'dev');
    const ended = new Promise((resolve) => child.once('close', resolve));
    const begun = async () =>
      (await readdir(temporary, { recursive: true })).some((name) => name.endsWith('events.jsonl'));
    while (!(await begun()) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    assert.equal(await ended, 130, child.said());
    assert.deepEqual(await readdir(temporary), []);
  });

  it('refuses a revision that is not there and a word that it does not know', async () => {
    const revision = await preview('--base', 'no-such-branch');
    assert.equal(revision.code, 2);
    assert.match(revision.text, /git does not know the revision "no-such-branch"/);
    const word = await preview('--nope');
    assert.equal(word.code, 2);
    assert.match(word.text, /--nope.*\n[\s\S]*scripts\/preview-ci \[--stack/);
    assert.deepEqual(await readdir(temporary), []);
  });
});
