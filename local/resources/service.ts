/** docker:index/service:Service (terraform-provider-docker resource_docker_service_funcs.go). */

import type Dockerode from 'dockerode';
import { messageOf, orMissing } from '../engine-error.ts';
import { RunnerError } from '../errors.ts';
import { fingerprintLabel } from '../fingerprint.ts';
import type { Context, Live, ResourceType } from '../resource-type.ts';
import { registryAuth, serviceBody } from './service-body.ts';
import { needsNewService, serviceProblems } from './service-check.ts';
import { driftOf } from './service-drift.ts';
import { type ServiceInputs, serviceFields } from './service-inputs.ts';
import { removeService } from './service-remove.ts';
import { allTasks, waitUntilConverged } from './service-wait.ts';

/** What of GET /services/{id} is read. */
interface ServiceInfo {
  ID: string;
  Version: { Index: number };
  Spec: Dockerode.ServiceSpec;
}

const updateTries = 5;

const given = (inputs: Readonly<Record<string, unknown>>) => inputs as unknown as ServiceInputs;

export const service: ResourceType = {
  fields: serviceFields,
  required: ['taskSpec'],
  // A rolling update, but for what is within them and listed in needsNewService.
  inPlace: [
    'labels',
    'mode',
    'taskSpec',
    'updateConfig',
    'rollbackConfig',
    'endpointSpec',
    'convergeConfig',
  ],
  needsNew: (before, after) => needsNewService(given(before), given(after)),
  // Replacing what did not take an update would stop the version that still serves.
  resumes: true,
  autoNamed: true,
  check: (inputs) => serviceProblems(given(inputs)),

  async look(context, stored, wanted): Promise<Live> {
    const docker = await context.docker();
    const found = await find(docker, stored.id);
    if (found === undefined) return { is: 'missing', reason: 'it is gone from the Swarm' };
    if (found.Spec.Labels?.[fingerprintLabel] !== stored.label) {
      return { is: 'altered', reason: 'its label is not the one it was made with' };
    }
    const name = String(found.Spec.Name);
    const drift = driftOf(serviceBody(name, given(wanted), stored.label ?? ''), found.Spec);
    return drift === undefined ? { is: 'as made' } : { is: 'changed', reason: drift };
  },

  async create(context, wanted) {
    const { name, label } = wanted;
    const inputs = given(wanted.inputs);
    const docker = await context.docker();
    await removeLeftovers(context, docker, name);
    const made: { id: string } = await docker.createService(
      // The client takes none, which its types do not say; with one argument it would send that twice.
      registryAuth(inputs) as Dockerode.AuthConfig,
      serviceBody(name, inputs, label),
    );
    wanted.begun(made.id, label);
    if (inputs.convergeConfig !== undefined) {
      try {
        await waitUntilConverged(context, docker, made.id, inputs, []);
      } catch (error) {
        await removeService(docker, made.id);
        throw new RunnerError(
          `The service "${name}" did not get running and was removed again. ${messageOf(error)}`,
        );
      }
    }
    return { id: made.id, outputs: { name } };
  },

  async update(context, stored, wanted) {
    const inputs = given(wanted.inputs);
    const docker = await context.docker();
    const old = await allTasks(docker, stored.id);
    const name = await sendUpdate(docker, stored.id, inputs, stored.label ?? wanted.label);
    if (inputs.convergeConfig !== undefined) {
      try {
        await waitUntilConverged(context, docker, stored.id, inputs, old);
      } catch (error) {
        throw new RunnerError(
          `The update of the service "${name}" did not take: ${messageOf(error)}\n` +
            `See more with: docker service ps --no-trunc ${name}`,
        );
      }
    }
    return { id: stored.id, outputs: { name } };
  },

  delete: async (context, stored) => removeService(await context.docker(), stored.id),
};

function find(docker: Dockerode, id: string): Promise<ServiceInfo | undefined> {
  return orMissing(docker.getService(id).inspect() as Promise<ServiceInfo>);
}

/** Swarm takes an update of the version that it has itself; while one is under way that changes. */
async function sendUpdate(docker: Dockerode, id: string, inputs: ServiceInputs, label: string) {
  for (let tries = 1; ; tries++) {
    const { Version, Spec } = (await docker.getService(id).inspect()) as ServiceInfo;
    const name = String(Spec.Name);
    try {
      await putSpec(docker, id, Version.Index, inputs, serviceBody(name, inputs, label));
      return name;
    } catch (error) {
      if (tries === updateTries || !messageOf(error).includes('out of sequence')) throw error;
    }
  }
}

function putSpec(
  docker: Dockerode,
  id: string,
  version: number,
  inputs: ServiceInputs,
  spec: Dockerode.ServiceSpec,
): Promise<unknown> {
  // Without _body the client would also write the specification into the address.
  const options = { _query: { version }, _body: spec, authconfig: registryAuth(inputs) };
  return docker.getService(id).update(options);
}

/** A run that was killed may have left services that the state does not know. */
async function removeLeftovers(context: Context, docker: Dockerode, name: string): Promise<void> {
  const all = (await docker.listServices()) as unknown as ServiceInfo[];
  const left = all.filter(
    ({ ID, Spec }) => context.isOwn(Spec.Labels?.[fingerprintLabel]) && !context.isKnown(ID),
  );
  for (const { ID } of left) await removeService(docker, ID);
  if (all.some((found) => found.Spec.Name === name && !left.includes(found))) {
    throw new RunnerError(
      `A service named "${name}" is there already and was not made from this resource. ` +
        `If nothing needs it, remove it: docker service rm ${name}`,
    );
  }
}
