/** docker:index/container:Container (terraform-provider-docker resource_docker_container.go). */

import type { Container, ContainerInspectInfo } from 'dockerode';
import { orMissing, statusOf, whileInUse } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { fingerprintLabel } from '../fingerprint.ts';
import type { Context, Live, Located, ResourceType } from '../resource-type.ts';
import { reveal } from '../secret-value.ts';
import { containerBody, endpoint, resourceLimits } from './container-body.ts';
import { type ContainerInputs, containerFields, containerProblems } from './container-inputs.ts';
import { uploadArchive } from './container-uploads.ts';
import { waitUntilReady } from './container-wait.ts';

/** What the provider changes in a running container. */
const changedOnEngine = [
  'restart',
  'maxRetryCount',
  'memory',
  'memoryReservation',
  'memorySwap',
  'cpuShares',
  'cpuSet',
];
/** What only says how to handle the container. */
const handling = [
  'wait',
  'waitTimeout',
  'mustRun',
  'attach',
  'destroyGraceSeconds',
  'removeVolumes',
  'start',
  'rm',
  'logs',
];

export const container: ResourceType = {
  fields: containerFields,
  required: ['image'],
  // The provider records a changed health check, tmpfs or init without applying it; here it replaces.
  inPlace: [...changedOnEngine, ...handling],
  autoNamed: true,
  check: (inputs) => containerProblems(inputs as unknown as ContainerInputs),

  async look(context, stored, wanted) {
    const docker = await context.docker();
    const info = await orMissing(docker.getContainer(stored.id).inspect());
    if (info === undefined) return { is: 'missing', reason: 'it is gone from the engine' };
    return compare(context, stored, wanted as unknown as ContainerInputs, info);
  },

  async create(context, wanted) {
    const inputs = wanted.inputs as unknown as ContainerInputs;
    const docker = await context.docker();
    await removeLeftover(context, wanted.name);
    const made = await docker.createContainer(containerBody(wanted.name, inputs, wanted.label));
    wanted.begun(made.id, wanted.label);
    for (const attachment of inputs.networksAdvanced?.slice(1) ?? []) {
      await docker
        .getNetwork(attachment.name)
        .connect({ Container: made.id, EndpointConfig: endpoint(attachment) });
    }
    if (inputs.uploads?.length) await made.putArchive(uploadArchive(inputs.uploads), { path: '/' });
    await made.start();
    return outputs(await waitUntilReady(context, made, inputs), inputs);
  },

  async update(context, stored, wanted, live) {
    const inputs = wanted.inputs as unknown as ContainerInputs;
    const docker = await context.docker();
    const found: Container = docker.getContainer(stored.id);
    await found.update({
      ...resourceLimits(inputs),
      RestartPolicy: { Name: inputs.restart ?? 'no', MaximumRetryCount: inputs.maxRetryCount ?? 0 },
    });
    if (live.is === 'stopped') await found.start();
    const info =
      live.is === 'stopped' ? await waitUntilReady(context, found, inputs) : await found.inspect();
    return outputs(info, inputs);
  },

  async delete(context, stored) {
    const docker = await context.docker();
    const inputs = reveal(stored.inputs ?? {}) as ContainerInputs;
    const found = docker.getContainer(stored.id);
    if (inputs.destroyGraceSeconds) {
      // 304: not running any more.
      await orMissing(found.stop({ t: inputs.destroyGraceSeconds })).catch((error) => {
        if (statusOf(error) !== 304) throw error;
      });
    }
    await orMissing(
      whileInUse(() => found.remove({ force: true, v: inputs.removeVolumes ?? true })),
    );
  },
};

async function compare(
  context: Context,
  stored: Located,
  wanted: ContainerInputs,
  info: ContainerInspectInfo,
): Promise<Live> {
  if (info.Config.Labels[fingerprintLabel] !== stored.label) {
    return { is: 'altered', reason: 'its label is not the one it was made with' };
  }
  const made = reveal(stored.inputs) as ContainerInputs;
  if (made.image.startsWith('sha256:') && info.Image !== made.image) {
    return { is: 'altered', reason: 'it runs another image' };
  }
  const docker = await context.docker();
  for (const { name } of made.networksAdvanced ?? []) {
    const attached = Object.values(info.NetworkSettings.Networks).map(({ NetworkID }) => NetworkID);
    const network = await orMissing(docker.getNetwork(name).inspect());
    if (network === undefined || !attached.includes(network.Id)) {
      return { is: 'altered', reason: `it is not on the network "${name}"` };
    }
  }
  return !info.State.Running && (wanted.mustRun ?? true)
    ? { is: 'stopped', reason: 'it was not running' }
    : { is: 'as made' };
}

/** A run that was killed may have left a container that the state does not know. */
async function removeLeftover(context: Context, name: string): Promise<void> {
  const docker = await context.docker();
  const found = await orMissing(docker.getContainer(name).inspect());
  if (found === undefined) return;
  if (!context.isOwn(found.Config.Labels[fingerprintLabel])) {
    throw new RunnerError(
      `A container named "${name}" is there already and was not made from this resource. ` +
        `If nothing needs it, remove it: docker rm -f ${name}`,
    );
  }
  await orMissing(whileInUse(() => docker.getContainer(found.Id).remove({ force: true, v: true })));
}

function outputs(info: ContainerInspectInfo, inputs: ContainerInputs) {
  const { Ports: published, Networks: networks } = info.NetworkSettings;
  return {
    id: info.Id,
    outputs: {
      name: info.Name.replace(/^\//, ''),
      hostname: info.Config.Hostname,
      exitCode: info.State.ExitCode,
      networkDatas: Object.entries(networks).map(([networkName, settings]) => ({
        networkName,
        ipAddress: settings.IPAddress,
        gateway: settings.Gateway,
        macAddress: settings.MacAddress,
      })),
      ...(inputs.ports === undefined
        ? {}
        : {
            ports: inputs.ports.map((port) => {
              const { internal, ip = '0.0.0.0', protocol = 'tcp' } = port;
              const assigned = Number(published[`${internal}/${protocol}`]?.[0]?.HostPort);
              return { internal, external: port.external ?? assigned, ip, protocol };
            }),
          }),
    },
  } satisfies Awaited<ReturnType<NonNullable<ResourceType['create']>>>;
}
