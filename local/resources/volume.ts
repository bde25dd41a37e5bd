/** docker:index/volume:Volume (terraform-provider-docker resource_docker_volume.go). */

import type { VolumeCreateOptions, VolumeInspectInfo } from 'dockerode';
import { canonical } from '../canonical.ts';
import { orMissing, whileInUse } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { fingerprintLabel } from '../fingerprint.ts';
import { labelMap, labelsShape } from '../labels.ts';
import type { Context, ResourceType, Wanted } from '../resource-type.ts';
import { mapOf, text } from '../shape.ts';

/** On each container of a Swarm service: the service's id. */
const serviceIdLabel = 'com.docker.swarm.service.id';

interface Inputs {
  driver?: string;
  driverOpts?: Record<string, string>;
  labels?: unknown;
}

export const volume: ResourceType = {
  fields: { name: text, driver: text, driverOpts: mapOf(text), labels: labelsShape },
  required: [],
  inPlace: [],
  autoNamed: true,

  async look(context, stored) {
    const docker = await context.docker();
    const found = await orMissing(docker.getVolume(stored.id).inspect());
    if (found === undefined) return { is: 'missing', reason: 'it is gone from the engine' };
    return found.Labels?.[fingerprintLabel] === stored.label
      ? { is: 'as made' }
      : { is: 'missing', reason: 'another volume has its name' };
  },

  async create(context, wanted) {
    const docker = await context.docker();
    const body = volumeBody(wanted);
    const existing = await orMissing(docker.getVolume(wanted.name).inspect());
    if (existing !== undefined) return adopt(context, wanted, body, existing);
    await docker.createVolume(body);
    wanted.begun(wanted.name, wanted.label);
    return {
      id: wanted.name,
      outputs: volumeOutputs(await docker.getVolume(wanted.name).inspect()),
    };
  },

  async delete(context, stored) {
    const docker = await context.docker();
    const found = await orMissing(docker.getVolume(stored.id).inspect());
    if (found === undefined) return;
    if (found.Labels?.[fingerprintLabel] !== stored.label) {
      context.warn(`The volume "${stored.id}" was made anew by someone else; it is left alone.`);
      return;
    }
    const users = await docker.listContainers({ all: true, filters: { volume: [stored.id] } });
    await context.removeUsers(
      [...new Set(users.map(({ Id, Labels }) => Labels[serviceIdLabel] ?? Id))],
      `the volume "${stored.id}" is deleted`,
    );
    await orMissing(whileInUse(() => docker.getVolume(stored.id).remove()));
  },
};

/** Body of POST /volumes/create. */
export function volumeBody({ name, inputs, label }: Omit<Wanted, 'begun'>) {
  const given = inputs as Inputs;
  return {
    Name: name,
    Driver: given.driver ?? 'local',
    DriverOpts: given.driverOpts ?? {},
    Labels: labelMap(given.labels, label),
  } satisfies VolumeCreateOptions;
}

function volumeOutputs(info: VolumeInspectInfo): Record<string, unknown> {
  return { name: info.Name, driver: info.Driver, mountpoint: info.Mountpoint };
}

/**
 * The engine, and so the real provider, quietly gives an existing volume to whoever creates one of
 * its name. That is how data kept by `retainOnDelete` comes back; a volume of another kind is refused.
 */
function adopt(
  context: Context,
  wanted: Wanted,
  body: ReturnType<typeof volumeBody>,
  existing: VolumeInspectInfo,
) {
  const { [fingerprintLabel]: found, ...labels } = existing.Labels ?? {};
  const { [fingerprintLabel]: _own, ...wantedLabels } = body.Labels;
  const same =
    existing.Driver === body.Driver &&
    canonical(existing.Options ?? {}) === canonical(body.DriverOpts) &&
    canonical(labels) === canonical(wantedLabels);
  if (!same) {
    throw new RunnerError(
      `A volume named "${wanted.name}" is there already, with another driver, other options or other labels. ` +
        `If its data is not needed, remove it: docker volume rm ${wanted.name}`,
    );
  }
  if (!context.isOwn(found)) {
    context.warn(`The volume "${wanted.name}" was there already; it is used with what it holds.`);
  }
  wanted.begun(wanted.name, found);
  return { id: wanted.name, outputs: volumeOutputs(existing) };
}
