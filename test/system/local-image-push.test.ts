/** The runner and a real registry that asks for a password. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  destroy,
  type EngineEvent,
  RunnerError,
  type RunnerOptions,
  up,
} from '../../local/index.ts';
import { Detector } from '../helpers/canary/detector.ts';
import { secret } from '../helpers/canary/secret.ts';
import { docker, eventually, freePort } from '../helpers/stack.ts';

const skip =
  spawnSync('docker-registry', ['--version']).error === undefined
    ? false
    : 'SKIPPED: docker-registry (Debian’s package of that name) is not installed, so no push was tried';

const fixture = fileURLToPath(new URL('../fixtures/local/push', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));
const password = 'Kx7vQ2mT9rW4pZ8bN5cH3gL';
const passphrase = randomBytes(24).toString('base64url');
/** bcrypt of it, as registries keep passwords. */
const hash = '$2b$04$abcdefghijklmnopqrstuuPXuf8dS4wlIoi.sOhXo7WsY4dsOl0q2';

describe('an image for a registry', { skip }, () => {
  let folder: string;
  let registry: ChildProcess;
  let server: string;
  let events: EngineEvent[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'local-push-'));
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
    await cp(fixture, join(folder, 'project'), { recursive: true });
    const port = await freePort();
    server = `127.0.0.1:${port}`;
    await writeFile(join(folder, 'htpasswd'), `me:${hash}\n`);
    const config = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(folder, 'registry') } },
      http: { addr: server },
      auth: { htpasswd: { realm: 'tests', path: join(folder, 'htpasswd') } },
    };
    await writeFile(join(folder, 'registry.yml'), JSON.stringify(config));
    registry = spawn('docker-registry', ['serve', join(folder, 'registry.yml')], {
      stdio: 'ignore',
    });
    await eventually(
      'the registry answers',
      async () => (await fetch(`http://${server}/v2/`)).status === 401,
    );
  });
  after(async () => {
    registry.kill();
    await destroy({ ...(await options(password)), deleteData: true });
    await docker
      .getImage(`${server}/team/image:test`)
      .remove({ force: true })
      .catch(() => {});
    await rm(folder, { recursive: true });
  });

  async function options(given: string): Promise<RunnerOptions> {
    const configFile = join(folder, 'Pulumi.yaml');
    await writeFile(configFile, JSON.stringify({ config: { server, password: given } }));
    return {
      projectDir: join(folder, 'project'),
      stack: 'push',
      configFile,
      passphrase,
      stateDir: join(folder, 'state'),
      onEvent: (event) => void events.push(event),
    };
  }

  async function failure(given: string): Promise<string> {
    events = [];
    const error = await up(await options(given)).catch((reason: unknown) => reason);
    assert.ok(error instanceof RunnerError, String(error));
    const everything = error.message + JSON.stringify(events);
    assert.ok(!everything.includes(given), everything);
    return error.message;
  }

  it('is not built for a registry that refuses the login, and the settings are named', async () => {
    const message = await failure('a wrong password');
    assert.match(
      message,
      /The login as "me" at the registry 127\.0\.0\.1:\d+ failed: .*unauthorized/i,
    );
    assert.match(message, /settings registry, registryUsername and registryPassword/);
    await assert.rejects(docker.getImage(`${server}/team/image:test`).inspect(), /No such image/i);
  });

  it('is pushed, named by the digest that the registry has, and built again only when it changed', async () => {
    events = [];
    const first = await up(await options(password));
    const digest = String(first.outputs.digest?.value);
    assert.match(digest, /^127\.0\.0\.1:\d+\/team\/image@sha256:[0-9a-f]{64}$/);
    const authorization = `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
    const manifest = await fetch(
      `http://${server}/v2/team/image/manifests/${digest.split('@')[1]}`,
      {
        headers: {
          authorization,
          accept: 'application/vnd.docker.distribution.manifest.v2+json',
        },
      },
    );
    assert.equal(manifest.status, 200);
    const state = await readFile(join(folder, 'state', 'state.json'), 'utf8');
    assert.ok(!(JSON.stringify(events) + state).includes(password));
    assert.equal((await up(await options(password))).summary.same, 1);
    await writeFile(join(folder, 'project', 'image', 'message.txt'), 'changed\n');
    const changed = await up(await options(password));
    assert.equal(changed.summary.update, 1);
    assert.notEqual(changed.outputs.digest?.value, digest);
  });

  it('S4 is pushed without a trace of password and passphrase in what is said, kept and pushed', async () => {
    const detector = new Detector([
      secret('registry password', password),
      secret('passphrase', passphrase),
    ]);
    const image = docker.getImage(`${server}/team/image:test`);
    const known = [events, await image.inspect(), await image.history()];
    const state = await readFile(join(folder, 'state', 'state.json'), 'utf8');
    assert.deepEqual(detector.find(state + JSON.stringify(known)), []);
    const layers = detector.open();
    for await (const chunk of await image.get()) layers.push(Buffer.from(chunk));
    assert.deepEqual(layers.hits, []);
    assert.ok(layers.bytes > 0);
    const login = Buffer.from(`me:${password}`).toString('base64');
    assert.notDeepEqual(detector.find(`Authorization: Basic ${login}`), [], 'it would be found');
  });

  it('whose registry is away fails with its name', async () => {
    registry.kill();
    await once(registry, 'exit');
    await writeFile(join(folder, 'project', 'image', 'message.txt'), 'changed again\n');
    assert.match(await failure(password), /the registry 127\.0\.0\.1:\d+ failed: .*refused/);
  });
});
