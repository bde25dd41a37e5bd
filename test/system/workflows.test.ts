/** The workflows under actionlint, from PATH or built by Go once and kept in node_modules/.cache. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { repository } from '../helpers/lakehouse-command.ts';

const VERSION = 'v1.7.12';
const WORKFLOWS = join(repository, '.github', 'workflows');

/** The executable, or why there is none. */
function actionlint(): { path: string } | { missing: string } {
  if (spawnSync('actionlint', ['-version']).status === 0) return { path: 'actionlint' };
  const folder = join(repository, 'node_modules', '.cache', `actionlint-${VERSION}`);
  const path = join(folder, 'actionlint');
  if (existsSync(path)) return { path };
  const built = spawnSync(
    'go',
    ['install', `github.com/rhysd/actionlint/cmd/actionlint@${VERSION}`],
    {
      encoding: 'utf8',
      timeout: 300_000,
      env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
    },
  );
  if (built.status === 0) return { path };
  const why = built.error === undefined ? built.stderr.trim().split('\n').at(-1) : 'there is no Go';
  return { missing: `SKIPPED: actionlint is not on PATH and cannot be built (${why})` };
}

const tool = actionlint();

describe('the workflows', { skip: 'missing' in tool && tool.missing }, () => {
  it('are valid: syntax, expressions, inputs of actions, scripts where shellcheck is there', async () => {
    const path = 'path' in tool ? tool.path : '';
    const files = readdirSync(WORKFLOWS).map((name) => join(WORKFLOWS, name));
    assert.ok(files.length > 1);
    await promisify(execFile)(path, ['-no-color', ...files], { cwd: repository }).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => assert.fail(`${stdout}${stderr}`),
    );
  });
});

const noShellcheck =
  spawnSync('shellcheck', ['--version']).error === undefined
    ? false
    : 'SKIPPED: shellcheck is not installed, so no script was checked';

describe('the shell scripts', { skip: noShellcheck }, () => {
  it('have nothing that shellcheck warns of', async () => {
    const scripts = ['.ci/run', 'scripts/preview-ci'];
    await promisify(execFile)('shellcheck', scripts, { cwd: repository }).catch(
      ({ stdout }: { stdout: string }) => assert.fail(stdout),
    );
  });
});
