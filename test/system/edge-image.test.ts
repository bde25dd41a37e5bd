/** The image of the edge, on a Debian and on a busybox base, confined as a stack confines it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { generate } from 'selfsigned';
import { Agent, request } from 'undici';
import { caddyfile, type EdgeOptions } from '../../infra/edge/caddyfile.ts';
import { baseImageOnEngine } from '../helpers/base-image.ts';
import { BASES, type Base, buildCaddyImages, buildEdgeImage } from '../helpers/caddy-image.ts';
import { DOMAIN, OPTIONS } from '../helpers/edge-scene.ts';
import { CADDY, goProgram } from '../helpers/go-program.ts';
import { docker, eventually } from '../helpers/stack.ts';

const caddy = await goProgram(CADDY);
const nodeImage = await baseImageOnEngine(docker);
const skip = caddy.skip || (nodeImage ? false : 'needs the base image that `npm run up` makes');

const TAG = `lakehouse-test-edge:${randomBytes(4).toString('hex')}`;
const NETWORK = TAG.replace(':', '-');
const MIB = 1024 * 1024;
const USER = { uid: 10004, gid: 10000 };
const REPLICA = fileURLToPath(new URL('../fixtures/edge/replica.ts', import.meta.url));

/** What every service of a stack gets; 48 MiB are enough for the edge under these tests. */
const CONFINED: Docker.HostConfig = {
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  Init: true,
  Memory: 48 * MIB,
  MemorySwap: 48 * MIB,
  Tmpfs: { '/config': `uid=${USER.uid},gid=${USER.gid},mode=0700,size=1m` },
};

describe('the image of the edge', { skip }, () => {
  let secrets: string;
  let certificate: string;
  const containers: Docker.Container[] = [];

  const write = async (name: string, text: string) => {
    await writeFile(join(secrets, name), text);
    await chmod(join(secrets, name), 0o400);
    await chown(join(secrets, name), USER.uid, USER.gid);
  };
  const run = async (options: Docker.ContainerCreateOptions) => {
    const container = await docker.createContainer(options);
    containers.push(container);
    await container.start();
    return container;
  };
  const startEdge = (base: Base, extra: Docker.HostConfig = {}) =>
    run({
      Image: `${TAG}-edge-${base}`,
      // Asked more often than in a stack, so that no test waits for three refusals for half a minute.
      Healthcheck: { Interval: 1_000_000_000 },
      HostConfig: {
        ...CONFINED,
        NetworkMode: NETWORK,
        Binds: [`${secrets}:/run/secrets:ro`],
        ...extra,
      },
    });
  const startReplica = () =>
    run({
      Image: nodeImage ?? '',
      Entrypoint: ['node', '/replica.ts', '0.0.0.0', '8080', '9090'],
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { Init: true, NetworkMode: NETWORK, Binds: [`${REPLICA}:/replica.ts:ro`] },
      NetworkingConfig: { EndpointsConfig: { [NETWORK]: { Aliases: ['proxies'] } } },
    });
  const addressOf = async (container: Docker.Container) => {
    const { NetworkSettings } = await container.inspect();
    return NetworkSettings.Networks[NETWORK]?.IPAddress ?? assert.fail('it has no address');
  };
  /** Runs a command in a new container of an image. @returns exit code and output */
  const runOnce = async (image: string, entrypoint: string[], host: Docker.HostConfig = {}) => {
    const container = await run({
      Image: image,
      Entrypoint: entrypoint,
      Cmd: [],
      User: `${USER.uid}:${USER.gid}`,
      HostConfig: { NetworkMode: 'none', ...host },
    });
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    const log = await container.logs({ stdout: true, stderr: true });
    return { code: StatusCode, output: log.toString('utf8') };
  };
  const agent = () =>
    new Agent({ connect: { ca: certificate, servername: DOMAIN }, connectTimeout: 2_000 });

  before(async () => {
    await buildCaddyImages(caddy.path, nodeImage ?? '', TAG);
    for (const base of BASES) await buildEdgeImage(`${TAG}-${base}`, `${TAG}-edge-${base}`);
    secrets = await mkdtemp(join(tmpdir(), 'lakehouse-edge-secrets-'));
    await chmod(secrets, 0o755);
    const made = await generate([{ name: 'commonName', value: DOMAIN }], {
      keyType: 'ec',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: DOMAIN }] }],
    });
    certificate = made.cert;
    const options: EdgeOptions = { ...OPTIONS, upstream: { name: 'proxies', port: 8080 } };
    await write('Caddyfile', caddyfile(options));
    await write('tls.crt', made.cert);
    await write('tls.key', made.private);
    await docker.createNetwork({ Name: NETWORK });
  });
  after(async () => {
    for (const container of containers) await container.remove({ force: true, v: true });
    await docker.getNetwork(NETWORK).remove();
    for (const base of BASES)
      for (const image of [`${TAG}-edge-${base}`, `${TAG}-${base}`])
        await docker.getImage(image).remove({ force: true });
    await rm(secrets, { recursive: true });
  });

  it('says what it is, and runs as a numeric user', async () => {
    const { Config } = await docker.getImage(`${TAG}-edge-debian`).inspect();
    assert.equal(Config.User, '10004:10000');
    assert.deepEqual(Object.keys(Config.ExposedPorts ?? {}), ['8080/tcp', '8443/tcp', '9090/tcp']);
    const labels = Config.Labels ?? {};
    assert.equal(labels['org.opencontainers.image.title'], 'lakehouse-mcp edge');
    assert.equal(labels['org.opencontainers.image.base.name'], `${TAG}-debian`);
  });

  it('is the same from BuildKit', async () => {
    const tag = `${TAG}-buildkit`;
    const id = await buildEdgeImage(`${TAG}-debian`, tag, 'BuilderBuildKit');
    try {
      const [one, other] = await Promise.all(
        [id, `${TAG}-edge-debian`].map((image) => docker.getImage(image).inspect()),
      );
      for (const key of ['User', 'Entrypoint', 'Cmd', 'Healthcheck', 'Labels'] as const)
        assert.deepEqual(one?.Config[key], other?.Config[key], key);
      const confined = await runOnce(id, ['caddy', 'version'], CONFINED);
      assert.equal(confined.code, 0, confined.output);
    } finally {
      await docker.getImage(tag).remove({ force: true });
    }
  });

  it('starts without capabilities, where the official program does not', async () => {
    // Swarm cannot set no-new-privileges, under which the capability would not be asked for.
    const host = { CapDrop: ['ALL'] };
    // The old builder's COPY loses the capability on its way to the other base.
    const official = await runOnce(`${TAG}-debian`, ['caddy', 'version'], host);
    assert.notEqual(official.code, 0);
    assert.match(official.output, /operation not permitted/);
    for (const base of BASES) {
      const own = await runOnce(`${TAG}-edge-${base}`, ['caddy', 'version'], host);
      assert.equal(own.code, 0, own.output);
    }
  });

  for (const base of BASES)
    it(`has no file that runs as another user (${base})`, async () => {
      const find = ['find', '/', '-xdev', '-type', 'f', '-perm', '/6000'];
      const { output } = await runOnce(`${TAG}-edge-${base}`, find);
      // Folders that this user may not read are no files of it.
      const found = output
        .split('\n')
        .filter((line) => line !== '' && !line.includes('ermission denied'));
      assert.deepEqual(found, []);
    });

  for (const base of BASES)
    it(`confined, it serves HTTPS, is healthy with a proxy and unhealthy without (${base})`, async () => {
      const replica = await startReplica();
      const edge = await startEdge(base);
      const client = agent();
      const url = `https://${await addressOf(edge)}:8443/mcp`;
      const headers = { host: DOMAIN };
      await eventually('a call is answered', async () => {
        const answer = await request(url, {
          method: 'POST',
          body: '{}',
          headers,
          dispatcher: client,
        });
        await answer.body.dump();
        return answer.statusCode === 200;
      });
      const health = async () => (await edge.inspect()).State.Health?.Status;
      await eventually('it is healthy', async () => (await health()) === 'healthy');
      const log = await edge.logs({ stdout: true, stderr: true });
      assert.doesNotMatch(log.toString(), /read-only file system|HTTP\/2 skipped/);
      await replica.remove({ force: true });
      containers.splice(containers.indexOf(replica), 1);
      await eventually('it is unhealthy', async () => (await health()) === 'unhealthy');
      await client.destroy();
      const start = performance.now();
      await edge.stop({ t: 15 });
      assert.ok(performance.now() - start < 12_000, 'it stops in order');
      assert.equal((await edge.inspect()).State.ExitCode, 0);
      await edge.remove({ v: true });
      containers.splice(containers.indexOf(edge), 1);
    });

  it('keeps what it needs of certificates in /data, owned by its user', async () => {
    const volume = `${NETWORK}-data`;
    await docker.createVolume({ Name: volume });
    try {
      const binds = [`${secrets}:/run/secrets:ro`, `${volume}:/data`];
      const edge = await startEdge('debian', { Binds: binds });
      const exec = await edge.exec({
        Cmd: ['stat', '-c', '%u:%g %a', '/data', '/data/caddy'],
        AttachStdout: true,
      });
      const output = await eventually('the folder is there', async () => {
        const stream = await exec.start({ hijack: true, stdin: false });
        const [chunk] = (await once(stream, 'data')) as [Buffer];
        return chunk.subarray(8).toString();
      });
      assert.match(output, /^10004:10000 700\n/);
      await edge.remove({ force: true });
      containers.splice(containers.indexOf(edge), 1);
    } finally {
      await docker.getVolume(volume).remove();
    }
  });

  it('a paused proxy: its sessions are answered by the other, found by the name on the engine', async (t) => {
    const replicas = [await startReplica(), await startReplica()];
    const edge = await startEdge('debian');
    const client = agent();
    const url = `https://${await addressOf(edge)}:8443/mcp`;
    const ask = (session: string) =>
      request(url, {
        method: 'POST',
        body: '{}',
        headers: { host: DOMAIN, 'mcp-session-id': session },
        dispatcher: client,
      });
    await eventually('both are found', async () => {
      for (let i = 0; i < 20; i++) await (await ask(`session-${i}`)).body.dump();
      const states = await Promise.all(
        replicas.map(async (replica) => {
          const answer = await request(`http://${await addressOf(replica)}:9090/state`);
          return (await answer.body.json()) as { seen: unknown[] };
        }),
      );
      return states.every(({ seen }) => seen.length > 0);
    });
    await replicas[0]?.pause();
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      const start = performance.now();
      const answer = await ask(`session-${i}`);
      await answer.body.dump();
      assert.equal(answer.statusCode, 200);
      times.push(Math.round(performance.now() - start));
    }
    t.diagnostic(`ms until answered: ${times}`);
    assert.ok(Math.max(...times) < 8_000, `${times}`);
    await replicas[0]?.unpause();
    await client.destroy();
  });

  it('refuses a client that wants a name it has no certificate for', async () => {
    const edge = await startEdge('debian');
    const host = await addressOf(edge);
    const refused = eventually('the handshake is refused', async () => {
      const socket = connectTls({
        host,
        port: 8443,
        servername: 'other.example',
        rejectUnauthorized: false,
      });
      const [error] = (await once(socket, 'error')) as [Error & { code?: string }];
      return error.code !== 'ECONNREFUSED' && error;
    });
    assert.match((await refused).message, /alert/);
  });
});
