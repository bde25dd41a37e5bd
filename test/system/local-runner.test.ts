/** The runner on the real engine: a service with everything that the real program uses. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import {
  destroy,
  type EngineEvent,
  preview,
  RunnerError,
  type RunnerOptions,
  up,
} from '../../local/index.ts';
import { baseImageOnEngine } from '../helpers/base-image.ts';
import { eventually } from '../helpers/stack.ts';

const docker = new Docker();
/** Any image with Node in it. */
const baseImage = await baseImageOnEngine(docker);

const fixture = fileURLToPath(new URL('../fixtures/local/containers', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));

const counted = ({ durationMs: _, ...counts }: { durationMs: number }) => counts;
const none = { create: 0, same: 0, update: 0, replace: 0, delete: 0 };
const lastPart = (urn: string) => urn.split('::').at(-1) ?? '';

describe('the runner on the real engine', {
  skip: baseImage ? false : 'SKIPPED: there is no base image on the engine; run "npm run up" once',
}, () => {
  const stack = `runner-${randomBytes(3).toString('hex')}`;
  const name = (part: string) => `${stack}-${part}`;
  const container = (part: string) => docker.getContainer(name(part));
  let folder: string;
  let projectDir: string;
  let events: EngineEvent[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'local-system-'));
    // A copy, since the tests change the image's files.
    projectDir = join(folder, 'project');
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
    await cp(fixture, projectDir, { recursive: true });
  });
  after(async () => {
    await destroy({ ...(await options()), deleteData: true });
    await docker
      .getImage(`${stack}/service:test`)
      .remove({ force: true })
      .catch(() => {});
    await rm(folder, { recursive: true });
  });

  async function options(config: Record<string, string | number | boolean> = {}) {
    const configFile = join(folder, 'Pulumi.yaml');
    await writeFile(configFile, JSON.stringify({ config: { baseImage, ...config } }));
    const onEvent = (event: EngineEvent) => void events.push(event);
    const stateDir = join(folder, 'state');
    const passphrase = 'a passphrase of the tests';
    return { projectDir, stack, configFile, passphrase, stateDir, onEvent } satisfies RunnerOptions;
  }

  /** Runs `up` and tells what it did to which resources. */
  async function upAndTell(config: Record<string, string | number | boolean> = {}) {
    events = [];
    const { summary, outputs } = await up(await options(config));
    const done = events.flatMap((event) =>
      event.kind === 'done' && event.operation !== 'same'
        ? [`${event.operation} ${lastPart(event.urn)}`]
        : [],
    );
    return { summary, outputs, done: done.sort() };
  }

  const isHealthy = async () =>
    (await container('service').inspect()).State.Health?.Status === 'healthy';

  it('makes a service that answers, with its networks, volumes, secret files and limits', async () => {
    const { summary, outputs } = await upAndTell();
    assert.deepEqual(counted(summary), { ...none, create: 10 });
    const response = await fetch(`http://127.0.0.1:${outputs.port?.value}/`);
    assert.deepEqual(await response.json(), { greeting: 'hello', secretLength: 32 });
    assert.equal(outputs.key?.secret, true);

    const { Config, HostConfig, NetworkSettings } = await container('service').inspect();
    assert.equal(HostConfig.ReadonlyRootfs, true);
    assert.deepEqual(HostConfig.CapDrop, ['ALL']);
    assert.equal(HostConfig.Memory, 128 * 1024 * 1024);
    assert.equal(Config.User, '10001:10000');
    assert.match(Config.Labels['lakehouse.inputs'] ?? '', /^[0-9a-f]{16}\.[0-9a-f]{32}$/);
    const networks = Object.keys(NetworkSettings.Networks);
    assert.equal(networks.length, 2);
    assert.ok(networks.includes(name('network')) && !networks.includes('bridge'));
  });

  it('shows no secret in what the engine tells about containers, nor in its own events', async () => {
    const { outputs } = await upAndTell();
    const key = String(outputs.key?.value);
    assert.equal(key.length, 32);
    for (const part of ['service', 'filler']) {
      assert.ok(!JSON.stringify(await container(part).inspect()).includes(key), part);
    }
    assert.ok(!JSON.stringify(events).includes(key));
  });

  it('leaves everything alone when nothing changed, and so says the preview', async () => {
    const { Id } = await container('service').inspect();
    assert.deepEqual((await preview(await options())).changes, []);
    const { summary } = await upAndTell();
    assert.deepEqual(counted(summary), { ...none, same: 10 });
    assert.equal((await container('service').inspect()).Id, Id);
  });

  it('changes memory in the running container, as the provider does', async () => {
    const { Id } = await container('service').inspect();
    assert.deepEqual((await upAndTell({ memory: 160 })).done, ['update service']);
    const { Id: now, HostConfig } = await container('service').inspect();
    assert.equal(now, Id);
    assert.equal(HostConfig.Memory, 160 * 1024 * 1024);
    await upAndTell();
  });

  it('replaces the container when its environment changes', async () => {
    const { done, outputs } = await upAndTell({ greeting: 'hi' });
    assert.deepEqual(done, ['replace service']);
    const response = await fetch(`http://127.0.0.1:${outputs.port?.value}/`);
    assert.equal(((await response.json()) as { greeting: string }).greeting, 'hi');
    await upAndTell();
  });

  it('rebuilds the image when a file in its context changes, and not for an ignored one', async () => {
    await writeFile(join(projectDir, 'image/ignored.txt'), 'changed');
    assert.deepEqual((await upAndTell()).done, []);
    await writeFile(join(projectDir, 'image/message.txt'), 'changed');
    assert.deepEqual((await upAndTell()).done, [
      'replace dependent',
      'replace filler',
      'replace service',
      'update image',
    ]);
  });

  it('starts a container that was stopped, and makes one again that was removed', async () => {
    await container('service').stop({ t: 1 });
    await container('filler').remove({ force: true, v: false });
    const { done } = await upAndTell();
    // The service is told of the new filler by a label.
    assert.deepEqual(done, ['create filler', 'replace service']);
    await container('service').stop({ t: 1 });
    assert.deepEqual((await upAndTell()).done, ['update service']);
    await eventually('it is healthy', isHealthy);
  });

  it('waits until a service is healthy, and no longer, however seldom Docker asks', async () => {
    const { done } = await upAndTell({ interval: '1h' });
    assert.deepEqual(done, ['replace service']);
    const { State } = await container('service').inspect();
    assert.equal(State.Health?.Status, 'starting', 'Docker has not asked');
    const exec = await container('service').exec({
      Cmd: ['test', '-e', '/tmp/ready'],
      AttachStdout: true,
    });
    await once((await exec.start({})).resume(), 'end');
    assert.equal((await exec.inspect()).ExitCode, 0, 'up has asked');
    await upAndTell();
  });

  it('makes an image again that was removed by hand', async () => {
    const { Image } = await container('service').inspect();
    for (const part of ['service', 'filler']) await container(part).remove({ force: true });
    const dependent = events.length > 0 ? await dependentId() : undefined;
    if (dependent !== undefined) await docker.getContainer(dependent).remove({ force: true });
    await docker.getImage(Image).remove({ force: true });
    const { done } = await upAndTell();
    assert.ok(done.includes('create image') && done.includes('create service'), done.join());
  });

  it('puts a container back on a network that was taken from it', async () => {
    await docker
      .getNetwork(name('network'))
      .disconnect({ Container: name('service'), Force: true });
    assert.deepEqual((await upAndTell()).done, ['replace service']);
  });

  it('replaces a network together with the containers on it, and deletes what left', async () => {
    const config = { networkLabel: 'two', withExtra: false };
    const { changes } = await preview(await options(config));
    assert.deepEqual(changes.map(({ urn, operation }) => `${operation} ${lastPart(urn)}`).sort(), [
      'delete extra',
      'replace network',
      'replace service',
    ]);
    const { done } = await upAndTell(config);
    assert.deepEqual(done, ['create service', 'delete extra', 'replace network']);
    await upAndTell();
  });

  it('clears away what a killed run left, and only if it is of this stack', async () => {
    const { Id, Config, HostConfig } = await container('service').inspect();
    await container('service').remove({ force: true });
    const create = (Labels: Record<string, string>) =>
      docker.createContainer({ name: name('service'), Image: baseImage, Labels, HostConfig: {} });
    const stranger = await create({});
    await assert.rejects(upAndTell(), /"\S+-service" is there already .* docker rm -f/);
    await stranger.remove({ force: true });
    await create({ 'lakehouse.inputs': Config.Labels['lakehouse.inputs'] ?? '' });
    assert.deepEqual((await upAndTell()).done, ['create service']);
    const now = await container('service').inspect();
    assert.notEqual(now.Id, Id);
    assert.equal(now.HostConfig.Memory, HostConfig.Memory);
  });

  it('a service that does not get healthy fails the run, stops what waits for it, and is replaced later', async () => {
    const error = await up(await options({ failing: true })).then(
      () => assert.fail('it succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof RunnerError);
    assert.deepEqual(
      error.failures.map(({ urn }) => lastPart(urn)),
      ['service'],
    );
    assert.match(error.message, /was not healthy within 2 s .* docker logs/);
    // Left as it is, an unfinished container is replaced even when its inputs are those of the last run.
    const again = await up(await options({ failing: true })).catch((reason) => reason);
    assert.ok(again instanceof RunnerError);
    assert.deepEqual((await upAndTell()).done, ['replace service']);
  });

  it('takes everything down but the data, which is there again with the next up', async () => {
    events = [];
    await destroy({ ...(await options()), deleteData: false });
    const said = events.flatMap((event) => (event.kind === 'message' ? [event.message] : []));
    assert.ok(
      said.some((message) => message.startsWith('Kept Volume "data"')),
      said.join(),
    );
    const filters = { name: [stack] };
    assert.deepEqual(await docker.listContainers({ all: true, filters }), []);
    assert.deepEqual(await docker.listNetworks({ filters }), []);
    const { Volumes } = await docker.listVolumes({ filters });
    assert.deepEqual(
      Volumes.map(({ Name }) => Name),
      [name('data')],
    );
    // Even when the stack's state is lost.
    await rm(join(folder, 'state'), { recursive: true });
    const { summary } = await upAndTell();
    assert.deepEqual(counted(summary), { ...none, create: 10 });
    const warned = events.flatMap((event) => (event.kind === 'message' ? [event.message] : []));
    assert.deepEqual(warned, [
      `The volume "${name('data')}" was there already; it is used with what it holds.`,
    ]);
    await destroy({ ...(await options()), deleteData: true });
    assert.deepEqual((await docker.listVolumes({ filters })).Volumes, []);
  });

  async function dependentId() {
    const all = await docker.listContainers({ all: true });
    return all.find(({ Names }) => Names.some((path) => path.startsWith('/dependent-')))?.Id;
  }
});
