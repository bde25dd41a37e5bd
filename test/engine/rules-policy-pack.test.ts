/** The policy pack under the Pulumi CLI. Needs the CLI with its docker plugin on PATH; says so where it is missing. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { repository } from '../helpers/lakehouse-command.ts';

const missing =
  spawnSync('pulumi', ['version']).status === 0
    ? false
    : 'SKIPPED: there is no Pulumi CLI on PATH, so the policy pack was not run by the real engine';
const program = fileURLToPath(new URL('../fixtures/rules/program', import.meta.url));

describe('the policy pack, run by the Pulumi CLI', { skip: missing }, () => {
  let folder: string;
  /** Exit code and everything that was printed. */
  const pulumi = (...args: string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const environment = {
        ...process.env,
        PULUMI_BACKEND_URL: `file://${folder}/backend`,
        PULUMI_CONFIG_PASSPHRASE: '',
      };
      const child = execFile(
        'pulumi',
        [...args, '--non-interactive', '--color', 'never'],
        { cwd: folder, env: environment },
        (_error, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
      );
    });

  before(async () => {
    // Inside the repository, where the program finds the packages.
    await mkdir(`${repository}.lakehouse`, { recursive: true });
    folder = await mkdtemp(`${repository}.lakehouse/policy-`);
    await cp(program, folder, { recursive: true });
    await mkdir(`${folder}/backend`);
    const { code, output } = await pulumi('stack', 'init', 'it');
    assert.equal(code, 0, output);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('refuses a preview that breaks rules, and says what to change', async () => {
    const { code, output } = await pulumi('preview', '--policy-pack', `${repository}policy`);
    assert.notEqual(code, 0, output);
    for (const [rule, message] of [
      ['read-only-root', /"loose": its root is writable; set readOnly to true/],
      ['image-by-content', /"loose": its image is named by a tag; set image to/],
      ['loopback-only', /"loose": port 8080 is published on 0\.0\.0\.0/],
      ['no-secrets-in-environment', /use a file and DREMIO_PASSWORD_FILE/],
    ] as const) {
      assert.match(output, new RegExp(`\\[mandatory\\] +${rule} `));
      assert.match(output, message);
    }
    assert.doesNotMatch(output, /hunter2/);
    // Pulumi has named the secret by now, which is not a name of its own.
    assert.doesNotMatch(output, /secret-named-by-engine/);
  });
});
