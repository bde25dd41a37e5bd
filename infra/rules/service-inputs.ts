/** A Swarm service's inputs as a `Confinement` (@pulumi/docker: service.d.ts). */
import type { Confinement, Settings } from './confinement.ts';
import { labelsOf, list, record, text, texts } from './inputs.ts';
import { mount } from './mounts.ts';

const settings: Settings = {
  image: 'containerSpec.image',
  drops: 'containerSpec.capDrops',
  adds: 'containerSpec.capAdds',
  securityOptions: 'containerSpec.privileges',
  memory: 'resources.limits.memoryBytes',
  swap: 'resources.limits',
  cpus: 'resources.limits.nanoCpus',
  ulimits: 'containerSpec',
  log: 'logDriver.options',
  user: 'containerSpec.user',
  readOnly: 'containerSpec.readOnly',
  tests: 'containerSpec.healthcheck.tests',
  init: 'containerSpec.init',
  restart: 'restartPolicy.condition to "any", without maxAttempts',
  sysctls: 'containerSpec.sysctl',
  networks: 'networksAdvanceds',
  ports: 'endpointSpec.ports',
  secretMode: 'fileMode to 0o400',
  secretOwner: 'fileUid',
};

/** What the resource has no input for stays empty here; the exceptions (exceptions.ts) say what supplies it. */
export function fromService(inputs: Readonly<Record<string, unknown>>): Confinement {
  const task = record(inputs.taskSpec);
  const container = record(task.containerSpec);
  const limits = record(record(task.resources).limits);
  const log = record(record(task.logDriver).options);
  const restart = record(task.restartPolicy);
  const labels = { ...labelsOf(container.labels), ...labelsOf(inputs.labels) };
  return {
    settings,
    component: labels['lakehouse.component'],
    brief: false,
    image: text(container.image),
    user: text(container.user),
    readOnlyRoot: container.readOnly === true,
    drops: texts(container.capDrops),
    adds: texts(container.capAdds),
    securityOptions: [],
    // A service has no input for privileges, devices or namespaces of the host; networks it has.
    ofTheHost: list(task.networksAdvanceds)
      .map(record)
      .filter(({ id, name }) => id === 'host' || name === 'host')
      .map(() => 'it is on the network of the host; a container has namespaces of its own'),
    mounts: list(container.mounts).map(mount),
    memory: Number(limits.memoryBytes ?? 0),
    memoryAndSwap: 0,
    cpus: Number(limits.nanoCpus ?? 0),
    ulimits: [],
    log: { size: text(log['max-size']), files: text(log['max-file']) },
    tests: texts(record(container.healthcheck).tests),
    init: container.init === true,
    restarts: (restart.condition ?? 'any') === 'any' && Number(restart.maxAttempts ?? 0) === 0,
    sysctls: record(container.sysctl),
    networks: list(task.networksAdvanceds).length,
    ports: list(record(inputs.endpointSpec).ports)
      .map(record)
      .map(({ targetPort, publishedPort }) => ({
        inside: Number(targetPort),
        outside: text(publishedPort ?? 'a port of the engine’s choice'),
        address: '0.0.0.0',
      })),
    secretFiles: list(container.secrets)
      .map(record)
      .map(({ fileName, fileMode, fileUid }) => ({
        name: text(fileName),
        mode: fileMode === undefined ? undefined : Number(fileMode),
        owner: text(fileUid ?? '0'),
      })),
    environment: Object.fromEntries(
      Object.entries(record(container.env)).map(([name, value]) => [name, text(value)]),
    ),
    labels,
    words: [...texts(container.commands), ...texts(container.args)],
  };
}
