import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DREMIO_PASSWORD, dremioOnThisMachine } from '../helpers/demo-on-machine.ts';
import { lakehouse } from '../helpers/lakehouse-command.ts';
import { connect, sqlRunner, WEATHER } from '../helpers/mcp-client.ts';
import { deploy } from '../helpers/stack.ts';

describe('a Dremio of one’s own, on this machine outside Docker', () => {
  it('is reached under its loopback URL', async () => {
    const dremio = await dremioOnThisMachine();
    try {
      const stack = await deploy(
        { dremioUrl: dremio.url, dremioUsername: 'analyst' },
        { key: 'dremioPassword', value: DREMIO_PASSWORD },
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
