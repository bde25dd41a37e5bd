import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lakehouse, repository } from '../helpers/lakehouse-command.ts';
import { connect, sqlRunner, WEATHER } from '../helpers/mcp-client.ts';
import { deploy, eventually, freePort } from '../helpers/stack.ts';

const PASSWORD = 'a-password-of-the-host-1';

/** The demo as a plain process on this machine, outside Docker: what a user's own Dremio is to the stack. */
async function dremioOnThisMachine() {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-test-'));
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
  const port = await freePort();
  const child = spawn(process.execPath, ['images/demo-dremio/src/main.ts'], {
    cwd: repository,
    env: {
      ...process.env,
      DEMO_USERNAME: 'analyst',
      DEMO_PASSWORD_FILE: passwordFile,
      PORT: String(port),
      // As Dremio does: a listener on the loopback address alone is out of reach for containers.
      HOST: '0.0.0.0',
      OPERATIONS_PORT: '0',
    },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://localhost:${port}`;
  await eventually('the demo answers', async () => (await fetch(`${url}/apiv2/server_status`)).ok);
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

describe('a Dremio of one’s own, on this machine outside Docker', () => {
  it('is reached under its loopback URL', async () => {
    const dremio = await dremioOnThisMachine();
    try {
      const stack = await deploy(
        { dremioUrl: dremio.url, dremioUsername: 'analyst' },
        { key: 'dremioPassword', value: PASSWORD },
      );
      try {
        const client = await connect(stack.url, stack.key);
        const run = await sqlRunner(client);
        const { rows } = await run(`SELECT COUNT(*) AS n FROM ${WEATHER}`);
        assert.deepEqual(rows, [{ n: 3833 }]);
        await client.close();
      } finally {
        await stack.remove();
      }
    } finally {
      await dremio.stop();
    }
  });

  it('that refuses the password stops up before anything is deployed', async () => {
    const dremio = await dremioOnThisMachine();
    const stack = ['--stack', `test-refused-${process.pid}`];
    try {
      const outcome = await lakehouse(
        [
          'up',
          ...stack,
          ...['--engine', 'local', '--set', `dremioUrl=${dremio.url}`],
          ...['--set', 'dremioUsername=analyst', '--set-secret', 'dremioPassword'],
        ],
        { input: 'the-wrong-password-1\n' },
      );
      assert.notEqual(outcome.code, 0);
      assert.match(outcome.stderr, /401|refuse/);
      assert.doesNotMatch(outcome.stdout + outcome.stderr, /the-wrong-password-1|\n\s+at /);
    } finally {
      await lakehouse(['down', ...stack, '--delete-data', '--yes']);
      await dremio.stop();
    }
  });
});
