/** The runner on a real Swarm of one node: services as the production stack has them. */
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
import { demultiplex } from '../../local/resources/container-wait.ts';
import type { Task } from '../../local/resources/service-converge.ts';
import { baseImageOnEngine } from '../helpers/base-image.ts';
import { noSwarm } from '../helpers/swarm.ts';

const docker = new Docker();
/** Any image with Node in it. */
const baseImage = await baseImageOnEngine(docker);
const skip =
  (await noSwarm()) ||
  (baseImage === undefined &&
    'SKIPPED: there is no base image on the engine; run "npm run up" once');

const projectDir = fileURLToPath(new URL('../fixtures/local/swarm', import.meta.url));
const counted = ({ durationMs: _, ...counts }: { durationMs: number }) => counts;
const none = { create: 0, same: 0, update: 0, replace: 0, delete: 0 };
const lastPart = (urn: string) => urn.split('::').at(-1) ?? '';
/** Network, volume, password, key, certificate, two secrets, two services. */
const total = 9;

interface SecretInfo {
  ID: string;
  Spec: { Name: string; Labels: Record<string, string> };
}

interface Told {
  greeting: string;
  password: string;
  user: number;
}

describe('the runner on a real Swarm', { skip }, () => {
  const stack = `t-runner-${randomBytes(3).toString('hex')}`;
  const name = (part: string) => `${stack}-${part}`;
  const filters = { label: [`lakehouse.stack=${stack}`] };
  let folder: string;
  let image: string;
  let events: EngineEvent[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'local-swarm-'));
    image = (await docker.getImage(String(baseImage)).inspect()).Id;
  });
  after(async () => {
    await destroy({ ...(await options()), deleteData: true });
    await rm(folder, { recursive: true });
  });

  type Config = Record<string, string | number | boolean>;

  async function options(config: Config = {}): Promise<RunnerOptions> {
    const configFile = join(folder, 'Pulumi.yaml');
    await writeFile(configFile, JSON.stringify({ config: { image, ...config } }));
    return {
      projectDir,
      stack,
      configFile,
      passphrase: 'a passphrase of the tests',
      stateDir: join(folder, 'state'),
      trial: true,
      onEvent: (event) => void events.push(event),
    };
  }

  /** Runs `up` and tells what it did to which resources. */
  async function upAndTell(config: Config = {}) {
    events = [];
    const { summary, outputs } = await up(await options(config));
    const done = events.flatMap((event) =>
      event.kind === 'done' && event.operation !== 'same'
        ? [`${event.operation} ${lastPart(event.urn)}`]
        : [],
    );
    return { summary, outputs, done: done.sort() };
  }

  async function failure(config: Config): Promise<RunnerError> {
    events = [];
    const error = await up(await options(config)).catch((reason: unknown) => reason);
    assert.ok(error instanceof RunnerError, String(error));
    return error;
  }

  const inspect = async (part: string) => docker.getService(name(part)).inspect();
  const secrets = async () => (await docker.listSecrets({ filters })) as unknown as SecretInfo[];
  const secretIds = async () => (await secrets()).map(({ ID }) => ID);

  /** What each task of the service that shall run says of itself; others may still stop. */
  async function told(): Promise<Told[]> {
    const wanted = { service: [name('service')], 'desired-state': ['running'] };
    const tasks = (await docker.listTasks({ filters: wanted })) as Task[];
    return Promise.all(
      tasks.map(async ({ Status }) => {
        const container = docker.getContainer(String(Status.ContainerStatus?.ContainerID));
        const logs = await container.logs({ stdout: true });
        return JSON.parse(demultiplex(logs).split('\n')[0] ?? '') as Told;
      }),
    );
  }
  const sha256 = (text: unknown) => createHash('sha256').update(String(text)).digest('hex');

  it('makes services that run, with secret files, networks and data', async () => {
    const { summary, outputs } = await upAndTell();
    assert.deepEqual(counted(summary), { ...none, create: total });
    const expected = { greeting: 'hello', password: sha256(outputs.key?.value), user: 10001 };
    assert.deepEqual(await told(), [expected, expected], 'up waits until both are healthy');
    assert.ok(new X509Certificate(String(outputs.caCertificate?.value)).ca);
    assert.deepEqual([outputs.key?.secret, outputs.caKey?.secret], [true, true]);
    const { Spec } = await inspect('service');
    assert.match(Spec.Labels['lakehouse.inputs'], /^[0-9a-f]{16}\.[0-9a-f]{32}$/);
    const network = await docker.getNetwork(name('internal')).inspect();
    assert.deepEqual([network.Driver, network.Internal], ['overlay', true]);
  });

  it('shows no secret in what the Swarm tells, in its events or in its state', async () => {
    const { outputs } = await upAndTell();
    const tells = JSON.stringify([
      await inspect('service'),
      await docker.listSecrets({ filters }),
      await docker.listTasks({ filters: { service: [name('service')] } }),
      events,
      await readFile(join(folder, 'state', 'state.json'), 'utf8'),
    ]);
    const keyBody = String(outputs.caKey?.value).split('\n')[1] ?? '';
    for (const secret of [String(outputs.key?.value), keyBody]) {
      assert.ok(secret.length >= 32 && !tells.includes(secret));
      assert.ok(!tells.includes(Buffer.from(secret).toString('base64').slice(0, 40)));
    }
  });

  it('leaves everything alone when nothing changed, and so says the preview', async () => {
    const before = (await inspect('service')).Version;
    assert.deepEqual((await preview(await options())).changes, []);
    assert.deepEqual(counted((await upAndTell()).summary), { ...none, same: total });
    assert.deepEqual((await inspect('service')).Version, before);
  });

  it('changes a running service in place, the new tasks first', async () => {
    const { ID } = await inspect('service');
    assert.deepEqual((await upAndTell({ greeting: 'hi' })).done, ['update service']);
    assert.equal((await inspect('service')).ID, ID);
    assert.deepEqual(
      (await told()).map(({ greeting }) => greeting),
      ['hi', 'hi'],
      'up waits until every task is of the new version',
    );
    const said = events.flatMap((event) => (event.kind === 'progress' ? [event.message] : []));
    assert.ok(
      said.some((message) => /of 2 tasks are running in the new version/.test(message)),
      said.join(),
    );
    assert.deepEqual((await upAndTell({ greeting: 'hi', replicas: 1 })).done, ['update service']);
    await upAndTell();
  });

  it('puts right what someone changed by hand', async () => {
    const service = docker.getService(name('service'));
    const { Spec, Version } = await service.inspect();
    const changed = { ...Spec, Mode: { Replicated: { Replicas: 1 } } };
    await service.update({ _query: { version: Version.Index }, _body: changed });
    assert.deepEqual((await upAndTell()).done, ['update service']);
    assert.equal((await inspect('service')).Spec.Mode.Replicated.Replicas, 2);
  });

  it('rotates a secret: a new one, the service moves, the old one goes', async () => {
    const before = await secretIds();
    const { done, outputs } = await upAndTell({ generation: 1 });
    assert.deepEqual(done, ['replace password', 'replace password', 'update service']);
    const after = await secretIds();
    assert.equal(after.length, before.length);
    assert.equal(after.filter((id) => before.includes(id)).length, before.length - 1);
    const seen = (await told()).map(({ password }) => password);
    assert.deepEqual(seen, [sha256(outputs.key?.value), sha256(outputs.key?.value)]);
  });

  it('an update that never gets healthy is rolled back, and says so; the old version serves on', async () => {
    const error = await failure({ generation: 1, greeting: 'bad', failing: true });
    assert.match(
      error.message,
      /^service .*The update of the service "\S+-service" did not take: /,
    );
    assert.match(error.message, /Swarm rolled the update back/);
    assert.match(error.message, /The old version still serves \(2 of its tasks are running\)/);
    assert.match(
      error.message,
      /The new tasks say: "ended with exit status 0, .*its health check failed"/,
    );
    assert.match(error.message, /See more with: docker service ps --no-trunc \S+-service/);
    assert.deepEqual(
      (await told()).map(({ greeting }) => greeting),
      ['hello', 'hello'],
    );
  });

  it('a secret that was to come with that update is used by the next one that works', async () => {
    await failure({ generation: 2, failing: true });
    const { done, outputs } = await upAndTell({ generation: 3 });
    assert.deepEqual(done, ['replace password', 'replace password', 'update service']);
    assert.equal((await secretIds()).length, 2, 'nothing is left of those in between');
    const seen = (await told()).map(({ password }) => password);
    assert.deepEqual(seen, [sha256(outputs.key?.value), sha256(outputs.key?.value)]);
  });

  it('replaces a service for what Swarm cannot change', async () => {
    const { ID } = await inspect('service');
    const { done } = await upAndTell({ generation: 3, sysctl: '61' });
    assert.deepEqual(done, ['replace service']);
    assert.notEqual((await inspect('service')).ID, ID);
  });

  it('a service that does not start at all is removed again, with the reason', async () => {
    await docker.getService(name('service')).remove();
    const error = await failure({ generation: 3, missing: true });
    assert.match(
      error.message,
      /The service "\S+-service" did not get running and was removed again/,
    );
    assert.match(error.message, /not done within 8s .*: 0 of 2 tasks are running/);
    assert.match(error.message, /The new tasks say: ".*No such image.*"/);
    await assert.rejects(inspect('service'), /not found/);
    await upAndTell({ generation: 3 });
  });

  it('clears away what a killed run left, and only if it is of this stack', async () => {
    const { ID } = await inspect('service');
    const ofPassword = (await secrets()).find(({ Spec }) => Spec.Name.startsWith('password-'));
    const left = await docker.createSecret({
      _query: {},
      _body: { Name: name('left'), Labels: ofPassword?.Spec.Labels, Data: 'eA==' },
    });
    // As if the run had been killed before it wrote down that it has made the service.
    const file = join(folder, 'state', 'state.json');
    const state = JSON.parse(await readFile(file, 'utf8'));
    state.resources = state.resources.filter(({ id }: { id: string }) => id !== ID);
    await writeFile(file, JSON.stringify(state));
    const { done } = await upAndTell({ generation: 4 });
    assert.deepEqual(done, ['create service', 'replace password', 'replace password']);
    assert.notEqual((await inspect('service')).ID, ID);
    const ids = await secretIds();
    assert.ok(ids.length === 2 && !ids.includes(left.id), ids.join());

    await docker.getService(name('service')).remove();
    const stranger = await docker.createService(
      {},
      {
        Name: name('service'),
        Mode: { Replicated: { Replicas: 0 } },
        TaskTemplate: { ContainerSpec: { Image: image } },
      },
    );
    const error = await failure({ generation: 4 });
    assert.match(
      error.message,
      /is there already and was not made from this resource.*docker service rm/s,
    );
    await stranger.remove();
    await upAndTell({ generation: 4 });
  });

  it('takes everything down but the protected data, which only deleteData takes', async () => {
    events = [];
    await destroy({ ...(await options()), deleteData: false });
    const said = events.flatMap((event) => (event.kind === 'message' ? [event.message] : []));
    assert.ok(
      said.some((message) => message.startsWith('Kept Volume "data"')),
      said.join(),
    );
    const names = { name: [stack] };
    assert.deepEqual(await docker.listServices({ filters: names }), []);
    assert.deepEqual(await secretIds(), []);
    assert.deepEqual(await docker.listContainers({ all: true, filters: names }), []);
    assert.deepEqual(await docker.listNetworks({ filters: names }), []);
    const volumes = async () =>
      (await docker.listVolumes({ filters: names })).Volumes.map(({ Name }) => Name);
    assert.deepEqual(await volumes(), [name('data')]);
    await destroy({ ...(await options()), deleteData: true });
    assert.deepEqual(await volumes(), []);
  });
});
