/** docker:index/network:Network (terraform-provider-docker resource_docker_network.go). */

import type Dockerode from 'dockerode';
import type { NetworkCreateOptions, NetworkInspectInfo } from 'dockerode';
import { orMissing, whileInUse } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { fingerprintLabel } from '../fingerprint.ts';
import { labelMap, labelsShape } from '../labels.ts';
import type { Context, Located, ResourceType, Wanted } from '../resource-type.ts';
import { flag, listOf, mapOf, record, text } from '../shape.ts';

interface Inputs {
  driver?: string;
  internal?: boolean;
  attachable?: boolean;
  ingress?: boolean;
  ipv6?: boolean;
  ipamDriver?: string;
  ipamOptions?: Record<string, string>;
  ipamConfigs?: {
    subnet?: string;
    gateway?: string;
    ipRange?: string;
    auxAddress?: Record<string, string>;
  }[];
  options?: Record<string, string>;
  labels?: unknown;
}

export const network: ResourceType = {
  fields: {
    name: text,
    driver: text,
    internal: flag,
    attachable: flag,
    ingress: flag,
    ipv6: flag,
    ipamDriver: text,
    ipamOptions: mapOf(text),
    ipamConfigs: listOf(
      record({ subnet: text, gateway: text, ipRange: text, auxAddress: mapOf(text) }),
    ),
    options: mapOf(text),
    labels: labelsShape,
  },
  required: [],
  inPlace: [],
  autoNamed: true,

  async look(context, stored) {
    const docker = await context.docker();
    const found = await orMissing(docker.getNetwork(stored.id).inspect());
    return found === undefined
      ? { is: 'missing', reason: 'it is gone from the engine' }
      : { is: 'as made' };
  },

  async create(context, wanted) {
    const docker = await context.docker();
    await removeLeftover(context, wanted);
    const made = await docker.createNetwork(networkBody(wanted));
    wanted.begun(made.id, wanted.label);
    const info: NetworkInspectInfo = await made.inspect();
    return { id: made.id, outputs: networkOutputs(info) };
  },

  async delete(context, stored) {
    const docker = await context.docker();
    const handle = docker.getNetwork(stored.id);
    const found: NetworkInspectInfo | undefined = await orMissing(handle.inspect());
    if (found === undefined) return;
    await context.removeUsers(
      await usersOf(docker, found),
      `the network "${found.Name}" is deleted`,
    );
    await orMissing(whileInUse(() => handle.remove()));
  },
};

/** Body of POST /networks/create (https://docs.docker.com/reference/api/engine/). */
export function networkBody({ name, inputs, label }: Omit<Wanted, 'begun'>): NetworkCreateOptions {
  const given = inputs as Inputs;
  const withIpam =
    given.ipamDriver !== undefined ||
    given.ipamOptions !== undefined ||
    given.ipamConfigs !== undefined;
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: given.driver ?? 'bridge',
    Internal: given.internal ?? false,
    Attachable: given.attachable ?? false,
    Ingress: given.ingress ?? false,
    EnableIPv6: given.ipv6 ?? false,
    Options: given.options ?? {},
    Labels: labelMap(given.labels, label),
    ...(withIpam
      ? {
          IPAM: {
            Driver: given.ipamDriver ?? 'default',
            Options: given.ipamOptions ?? {},
            Config: (given.ipamConfigs ?? []).map((config) => ({
              ...(config.subnet === undefined ? {} : { Subnet: config.subnet }),
              ...(config.gateway === undefined ? {} : { Gateway: config.gateway }),
              ...(config.ipRange === undefined ? {} : { IPRange: config.ipRange }),
              ...(config.auxAddress === undefined ? {} : { AuxiliaryAddresses: config.auxAddress }),
            })),
          },
        }
      : {}),
  };
}

function networkOutputs(info: NetworkInspectInfo): Record<string, unknown> {
  return {
    name: info.Name,
    driver: info.Driver,
    scope: info.Scope,
    internal: info.Internal,
    ipamConfigs: (info.IPAM?.Config ?? []).map((config) => ({
      subnet: config.Subnet,
      gateway: config.Gateway,
      ipRange: config.IPRange,
    })),
  };
}

/** Ids of what would have to leave the network before it can be deleted. */
async function usersOf(docker: Dockerode, network: NetworkInspectInfo): Promise<string[]> {
  if (network.Scope !== 'swarm') return Object.keys(network.Containers ?? {});
  // Its containers are those of services, and a load balancer's end point that is none at all.
  const services = await docker.listServices();
  return services
    .filter(({ Spec }) =>
      [...(Spec?.TaskTemplate?.Networks ?? []), ...(Spec?.Networks ?? [])].some(
        ({ Target }) => Target === network.Id,
      ),
    )
    .map(({ ID }) => ID);
}

/** A run that was killed may have left a network that the state does not know. */
async function removeLeftover(context: Context, { name }: Wanted): Promise<void> {
  const docker = await context.docker();
  const found = (await docker.listNetworks({ filters: { name: [name] } })).find(
    (candidate) => candidate.Name === name,
  );
  if (found === undefined) return;
  if (!context.isOwn(found.Labels?.[fingerprintLabel])) {
    throw new RunnerError(
      `A network named "${name}" is there already and was not made by this stack. ` +
        `If nothing needs it, remove it: docker network rm ${name}`,
    );
  }
  await network.delete?.(context, { id: found.Id } as Located);
}
