/** Does what a plan says, and records it. */

import { randomBytes } from 'node:crypto';
import { RunnerError } from './errors.ts';
import { fingerprint } from './fingerprint.ts';
import type { Plan } from './plan.ts';
import type { Registered, Registration } from './registration.ts';
import type { Located, Made, Wanted } from './resource-type.ts';
import type { Run } from './run.ts';
import { reveal, secret, secretTexts } from './secret-value.ts';
import type { StoredResource } from './state.ts';

/** Throws when the engine refuses; what it made before that is recorded as incomplete. */
export async function applyPlan(run: Run, plan: Plan): Promise<Registered> {
  const { registration, stored } = plan;
  if (stored !== undefined && stored.urn !== registration.urn) rename(run, stored, registration);
  const record = await run.operate(registration, plan.decision.operation, () => act(run, plan));
  return answer(record);
}

/** What the program is told of a resource. */
export function answer({ id, inputs, outputs }: StoredResource): Registered {
  return { ...(id === undefined ? {} : { id }), state: { ...inputs, ...outputs } };
}

async function act(run: Run, plan: Plan): Promise<StoredResource> {
  const { stored, decision } = plan;
  switch (decision.operation) {
    case 'create':
      return create(run, plan);
    case 'replace':
      await makeRoom(run, plan, stored as Located);
      return create(run, plan);
    case 'update':
      return update(run, plan, stored as Located);
    case 'same':
      return remember(run, { ...(stored as Located), ...goal(plan.registration) });
  }
}

async function create(run: Run, plan: Plan): Promise<StoredResource> {
  const { registration, type, context, inputs, facts } = plan;
  const { urn, name } = registration;
  const record: StoredResource = {
    urn,
    type: registration.type,
    name,
    ...goal(registration),
    inputs,
    outputs: {},
    facts,
    complete: false,
  };
  const made = await type.create(context, {
    ...wanted(run, plan),
    begun(id, label) {
      record.id = id;
      if (label !== undefined) record.label = label;
      remember(run, record);
    },
  });
  return finish(run, record, made, registration);
}

async function update(run: Run, plan: Plan, stored: Located): Promise<StoredResource> {
  const { registration, type, context, inputs, facts, live } = plan;
  const record: Located = { ...stored, ...goal(registration), complete: false };
  remember(run, record);
  if (type.update === undefined || live === undefined) {
    throw new Error(`${registration.type} says that it changes in place, and cannot`);
  }
  const made = await type.update(context, stored, wanted(run, plan), live);
  return finish(run, { ...record, inputs, facts }, made, registration);
}

/**
 * Frees the name for a successor. One whose name was made up can stay until everything that uses
 * it has moved on; then it is deleted at the end of the run.
 */
async function makeRoom(run: Run, { registration, inputs, type }: Plan, stored: Located) {
  const { protect, retainOnDelete, deleteBeforeReplace } = registration.options;
  if (protect) {
    throw new RunnerError(
      'It must be replaced and is protected (option protect). Take back the change, or set protect: false first.',
    );
  }
  if (type.delete === undefined) return;
  if (type.autoNamed && inputs.name === undefined && !deleteBeforeReplace) {
    if (!retainOnDelete) run.state.obsolete.push({ ...stored });
    return;
  }
  if (retainOnDelete) {
    throw new RunnerError(
      'It must be replaced, but is to be kept (option retainOnDelete) and would have the same name. ' +
        'Take back the change, or give it another name.',
    );
  }
  await run.deleteFromEngine(stored);
  const { id: _gone, ...rest } = stored;
  remember(run, rest);
}

function wanted(run: Run, { registration, inputs }: Plan): Wanted {
  const clear = reveal(inputs) as Record<string, unknown>;
  const name = clear.name ?? `${registration.name}-${randomBytes(4).toString('hex').slice(0, 7)}`;
  return {
    name: String(name),
    inputs: clear,
    label: fingerprint(run.key, registration.urn, inputs),
    begun: () => {},
  };
}

function finish(
  run: Run,
  record: StoredResource,
  made: Made,
  { options }: Registration,
): StoredResource {
  const outputs = { ...made.outputs } as Record<string, unknown>;
  for (const name of options.additionalSecretOutputs) {
    if (outputs[name] !== undefined) outputs[name] = secret(outputs[name]);
    else if (record.inputs[name] !== undefined) outputs[name] = secret(record.inputs[name]);
  }
  run.mask.add(secretTexts(outputs));
  return remember(run, { ...record, id: made.id, outputs, complete: true });
}

function goal({ options, dependencies, parent }: Registration) {
  return {
    dependencies: parent === undefined ? dependencies : [...new Set([...dependencies, parent])],
    protect: options.protect,
    retainOnDelete: options.retainOnDelete,
  };
}

function rename(run: Run, stored: StoredResource, { urn, name, type }: Registration): void {
  run.state.resources.delete(stored.urn);
  for (const other of run.state.resources.values()) {
    other.dependencies = other.dependencies.map((urnBefore) =>
      urnBefore === stored.urn ? urn : urnBefore,
    );
  }
  Object.assign(stored, { urn, name, type });
  remember(run, stored);
}

function remember(run: Run, record: StoredResource): StoredResource {
  run.state.resources.set(record.urn, record);
  run.state.save();
  return record;
}
