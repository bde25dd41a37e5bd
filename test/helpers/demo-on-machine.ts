import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from './lakehouse-command.ts';
import { eventually, freePort } from './stack.ts';

export const DREMIO_PASSWORD = 'Zw4-of-this-machine-91';

/** The demo as a plain process on this machine, outside Docker: what a user's own Dremio is to the stack. */
export async function dremioOnThisMachine() {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-test-'));
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, DREMIO_PASSWORD, { mode: 0o600 });
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
