/** An engine over ssh, with a program in the place of ssh that connects to a server of the test. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { dockerOptions } from '../../scripts/engine/docker-client.ts';
import { absenceError, findEngine } from '../../scripts/engine/docker-engine.ts';

let folder: string;
let socket: string;
const path = process.env.PATH;
const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(request.url ?? '');
  if (request.url === '/slow') return;
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({ Version: '28.0.1', ApiVersion: '1.48', Os: 'linux', Arch: 'amd64' }),
  );
});

/** Puts a program named ssh first on PATH. */
async function ssh(script: string): Promise<void> {
  const file = join(folder, 'ssh');
  await writeFile(file, `#!${process.execPath}\n${script}`);
  await chmod(file, 0o755);
}
/** What the real one does with `docker system dial-stdio`: it connects its own streams to the engine's socket. */
const dialling = () => `
  const { connect } = require('node:net');
  if (!process.argv.slice(2).join(' ').endsWith('-l me -- far docker system dial-stdio')) process.exit(9);
  const engine = connect(${JSON.stringify(socket)});
  process.stdin.pipe(engine).pipe(process.stdout);
`;

const address = { url: 'ssh://me@far', from: 'docker:host' } as const;

describe('an engine over ssh', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakehouse-ssh-'));
    socket = join(folder, 'engine.sock');
    server.listen(socket);
    await once(server, 'listening');
    process.env.PATH = `${folder}:${path}`;
  });
  after(async () => {
    process.env.PATH = path;
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  it('is asked through the machine’s own ssh, over one connection for several questions', async () => {
    await ssh(dialling());
    const found = await findEngine(address);
    assert.ok(!('kind' in found), JSON.stringify(found));
    assert.equal(found.version, '28.0.1');
    const options = dockerOptions(address, {});
    const docker = new Docker(options);
    for (let time = 0; time < 3; time += 1) await docker.version();
    assert.deepEqual(Object.values(options.agent?.freeSockets ?? {}).flat().length, 1);
    options.agent?.destroy();
    found.options.agent?.destroy();
  });

  it('that does not answer in time is given up', async () => {
    await ssh(dialling());
    const options = dockerOptions(address, {});
    const docker = new Docker({ ...options, timeout: 200 });
    await assert.rejects(call(docker, '/slow'));
    options.agent?.destroy();
  });

  it('is explained where ssh or the docker command fails, with the commands that help', async () => {
    await ssh(
      "process.stderr.write('me@far: Permission denied (publickey).\\n'); process.exit(255);",
    );
    const found = await findEngine(address);
    assert.ok('kind' in found);
    const error = absenceError(found, { debianLike: true, id: 'debian', root: true });
    assert.equal(error.exitCode, 3);
    assert.match(error.message, /at ssh:\/\/me@far does not answer: me@far: Permission denied/);
    assert.match(
      error.advice.join('\n'),
      /ssh -o BatchMode=yes me@far true[\s\S]*--unset docker:host/,
    );
  });
});

function call(docker: Docker, url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    docker.modem.dial({ path: url, method: 'GET', statusCodes: { 200: true } }, (error, data) =>
      error ? reject(error) : resolve(data),
    );
  });
}
