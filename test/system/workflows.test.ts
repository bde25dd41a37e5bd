/** The workflows under actionlint, and the shell scripts under shellcheck. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ACTIONLINT, goProgram } from '../helpers/go-program.ts';
import { repository } from '../helpers/lakehouse-command.ts';

const WORKFLOWS = join(repository, '.github', 'workflows');

const { path, skip } = await goProgram(ACTIONLINT).catch((error: Error) => ({
  path: '',
  skip: `SKIPPED: actionlint is not on PATH and cannot be built (${error.message})`,
}));

describe('the workflows', { skip }, () => {
  it('are valid: syntax, expressions, inputs of actions, scripts where shellcheck is there', async () => {
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
