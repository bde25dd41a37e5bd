/** What the engine says of a stack to whoever may ask it: logs, the audit in them, and inspect data of everything. */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { orMissing } from '../../../local/engine-error.ts';
import { ownImages } from '../../../scripts/sbom/own-images.ts';
import { serviceTasks, stackServices, unlessNoManager } from '../../../scripts/stack/swarm.ts';
import { docker } from '../stack.ts';
import { containersOf } from './containers.ts';
import type { Scope } from './scope.ts';
import type { Sample, Surface } from './search.ts';

const QUIET_MS = 2_000;
const BOTH = { stdout: true, stderr: true } as const;

/** The logs, and once more the lines of the audit: to see that there are any. */
export async function* logs({ stack }: Scope): AsyncGenerator<Sample> {
  for (const { id, name } of await containersOf(stack)) {
    const content = await orMissing(docker.getContainer(id).logs(BOTH));
    if (content === undefined) continue;
    yield { surface: 'logs', where: `logs of container ${name}`, content };
    yield { surface: 'audit', where: `audit of container ${name}`, content: auditOf(content) };
  }
  for (const { ID, Spec } of await stackServices(docker, stack)) {
    const stream = await docker.getService(ID).logs({ ...BOTH, details: true, follow: true });
    yield {
      surface: 'logs',
      where: `logs of service ${Spec?.Name ?? ID}`,
      content: untilQuiet(stream as unknown as Readable),
    };
  }
}

/** Until nothing more comes for a while: the manager's answer that is not followed does not always end (Docker 20.10). */
async function* untilQuiet(stream: Readable): AsyncGenerator<Buffer> {
  const watch = () => setTimeout(() => stream.destroy(), QUIET_MS);
  let timer = watch();
  try {
    for await (const chunk of stream) {
      clearTimeout(timer);
      yield chunk;
      timer = watch();
    }
  } catch (error) {
    if (!stream.destroyed) throw error;
  }
}

const auditOf = (log: Buffer) =>
  log
    .toString('latin1')
    .split('\n')
    .filter((line) => line.includes('"audit":true'))
    .join('\n');

/** Everything that belongs to the stack by label or name, and what happened to it. */
export async function* engineData({ stack, since }: Scope): AsyncGenerator<Sample> {
  const filters = { label: [`lakehouse.stack=${stack}`] };
  const sample = (kind: string, name: string, data: unknown): Sample => ({
    surface: 'engine' satisfies Surface,
    where: `inspect of ${kind} ${name}`,
    content: JSON.stringify(data) ?? '',
  });
  // One that ended may be gone by now: Swarm keeps a few.
  for (const { id, name } of await containersOf(stack))
    yield sample('container', name, await orMissing(docker.getContainer(id).inspect()));
  const services = await stackServices(docker, stack);
  for (const { ID, Spec } of services)
    yield sample('service', Spec?.Name ?? ID, await docker.getService(ID).inspect());
  for (const task of await serviceTasks(docker, services)) yield sample('task', task.ID, task);
  for (const [kind, listed] of [
    ['secret', unlessNoManager(docker.listSecrets({ filters }))],
    ['config', unlessNoManager(docker.listConfigs({ filters }))],
  ] as const)
    for (const found of await listed) yield sample(kind, String(found.ID), found);

  const isOurs = (thing: { Name?: string; Labels?: Record<string, string> | undefined }) =>
    thing.Name?.startsWith(`lakehouse-${stack}-`) || thing.Labels?.['lakehouse.stack'] === stack;
  for (const network of (await docker.listNetworks()).filter(isOurs))
    yield sample('network', network.Name, await docker.getNetwork(network.Id).inspect());
  for (const volume of (await docker.listVolumes()).Volumes.filter(isOurs))
    yield sample('volume', volume.Name, await docker.getVolume(volume.Name).inspect());
  for (const { name, id } of await ownImages(docker, stack))
    yield sample('image', name, await docker.getImage(id).inspect());
  yield { surface: 'engine', where: 'events of the engine', content: await events(since) };
}

async function events(since: Date): Promise<AsyncIterable<Buffer>> {
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  const span: Docker.GetEventsOptions = { since: seconds(since), until: seconds(new Date()) };
  return (await docker.getEvents(span)) as unknown as AsyncIterable<Buffer>;
}
