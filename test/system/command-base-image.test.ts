/** How `up` gets the image that all others are built on; the pulls come from a real registry on loopback. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { pack } from 'tar-stream';
import { ensureImages } from '../../scripts/base-image/ensure.ts';
import { isOnEngine, pullImage } from '../../scripts/base-image/pull.ts';
import { StackConfig } from '../../scripts/config/stack-config.ts';
import { dockerAddress } from '../../scripts/engine/docker-address.ts';
import { type Engine, findEngine, requireEngine } from '../../scripts/engine/docker-engine.ts';
import { hostSystem } from '../../scripts/engine/host-system.ts';
import { stackFiles } from '../../scripts/stack/stack-files.ts';
import { quietDisplay } from '../../scripts/terminal/quiet.ts';
import { docker, eventually, freePort } from '../helpers/stack.ts';

const noRegistry =
  spawnSync('docker-registry', ['--version']).error === undefined
    ? false
    : 'SKIPPED: docker-registry (Debian’s package of that name) is not installed, so no pull was tried';
const { debianLike, root } = hostSystem();
const cannotBuild =
  debianLike && root ? false : 'SKIPPED: building a base image needs root on Debian or Ubuntu';

const signal = new AbortController().signal;
let engine: Engine;
let folder: string;
before(async () => {
  engine = requireEngine(await findEngine(dockerAddress(undefined, process.env)));
  folder = await mkdtemp(join(tmpdir(), 'lakehouse-base-test-'));
});
after(() => rm(folder, { recursive: true }));

/** The config of a project whose default base image is `image`. */
async function configWith(image: string, set: Record<string, string> = {}): Promise<StackConfig> {
  await writeFile(
    join(folder, 'Pulumi.yaml'),
    `config:\n  nodeImage: { type: string, default: "${image}" }\n`,
  );
  const config = await StackConfig.read(stackFiles(folder, 'dev'), '');
  await config.change({ set, secrets: [], unset: [] }, new Map());
  return config;
}

const ensure = (config: StackConfig, install = true) =>
  ensureImages({ config, engine, install, display: quietDisplay(), signal });

describe('a base image from a registry', { skip: noRegistry }, () => {
  let registry: ChildProcess;
  let name: string;
  before(async () => {
    const port = await freePort();
    const file = join(folder, 'registry.yml');
    await writeFile(
      file,
      `version: 0.1\nstorage: { filesystem: { rootdirectory: ${folder}/registry } }\nhttp: { addr: 127.0.0.1:${port} }\n`,
    );
    registry = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
    await eventually(
      'the registry answers',
      async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok,
    );
    name = `127.0.0.1:${port}/node:test`;
    const archive = pack();
    archive.entry({ name: 'hello' }, 'world');
    archive.finalize();
    const [repo = '', tag = ''] = name.split(/:(?=[^:]*$)/);
    const imported = await docker.importImage(Readable.from(archive), { repo, tag });
    imported.resume();
    await eventually('the image is there', () => isOnEngine(docker, name));
    const pushed = await docker.getImage(name).push({ authconfig: { username: '', password: '' } });
    await new Promise((resolve) => docker.modem.followProgress(pushed, resolve));
    await docker.getImage(name).remove();
  });
  after(async () => {
    registry.kill();
    await docker
      .getImage(name)
      .remove({ force: true })
      .catch(() => undefined);
  });

  it('is pulled when the engine lacks it, and then used as it is', async () => {
    const config = await configWith(name);
    await ensure(config, false);
    assert.ok(await isOnEngine(docker, name));
    assert.equal(config.get('nodeImage'), name);
    assert.equal(config.machine('nodeImage'), undefined);
    assert.equal(config.get('imagePlatform'), engine.platform);
  });

  it('that the user named and the registry lacks is an error with the setting, never replaced', async () => {
    const missing = name.replace(':test', ':missing');
    const config = await configWith(name, { 'lakehouse-mcp:nodeImage': missing });
    await assert.rejects(ensure(config), (error: Error & { advice: string[] }) => {
      assert.match(
        error.message,
        /^The base image \S+:missing is not on the engine and cannot be pulled: /,
      );
      assert.match(error.advice.join('\n'), /--set nodeImage=[\s\S]*--unset nodeImage/);
      return true;
    });
    assert.equal(config.get('nodeImage'), missing);
  });
});

it('a registry that says nothing is given up after a while', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const name = `127.0.0.1:${(silent.address() as AddressInfo).port}/node:test`;
  const reason = await pullImage(docker, name, { signal, progress: () => {}, silenceMs: 300 });
  assert.equal(reason, 'nothing was heard for 0.3 s');
  silent.close();
  for (const socket of sockets) socket.destroy();
});

describe('a base image where no registry can be reached', { skip: cannotBuild }, () => {
  it('is built from Debian packages, and has Node, npm, apt and the trusted authorities', async () => {
    const config = await configWith('127.0.0.1:1/node:none');
    await ensure(config);
    const name = config.get('nodeImage') ?? '';
    assert.match(name, /^lakehouse-mcp\/base:bookworm-node24\./);
    assert.equal(config.isSet('nodeImage'), false);
    const script =
      'node --version && npm --version && apt-get --version | head -1 && ' +
      'test -s "$NODE_EXTRA_CA_CERTS" && test -s "$PIP_CERT" && test -s "$SSL_CERT_FILE" && ' +
      'cat /etc/apt/sources.list && . /etc/os-release && echo "$VERSION_CODENAME"';
    const { code, output } = await runOnce(name, script);
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`^${process.version}\\n\\d+\\.\\d+\\.\\d+\\napt 2\\.`));
    assert.match(output, /bookworm-security main\nbookworm\n$/);
    const again = await configWith('127.0.0.1:1/node:none');
    const started = performance.now();
    await ensure(again);
    assert.equal(again.get('nodeImage'), name, 'the same machine builds the same image');
    assert.ok(performance.now() - started < 10_000, 'and finds it again instead of building it');
  });
});

/** Runs a shell script in a container of its own, without network, that is removed afterwards. */
async function runOnce(image: string, script: string): Promise<{ code: number; output: string }> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-ec', script],
    HostConfig: { NetworkMode: 'none' },
    Tty: true,
  });
  try {
    await container.start();
    const { StatusCode: code } = await container.wait();
    const logs = await container.logs({ stdout: true, stderr: true });
    return { code, output: logs.toString('utf8').replaceAll('\r', '') };
  } finally {
    await container.remove({ force: true });
  }
}
