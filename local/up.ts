import { applyPlan } from './apply.ts';
import { claimStack, closeState } from './claim.ts';
import { loadConfig, type StackConfig } from './config.ts';
import { deleteResources } from './delete.ts';
import { RunnerError } from './errors.ts';
import { execute, failuresError } from './execute.ts';
import { acquireLock } from './lock.ts';
import { planResource } from './plan.ts';
import { type Project, readProject } from './project.ts';
import { rehearse } from './rehearse.ts';
import { abortError, Run } from './run.ts';
import { State } from './state.ts';
import { assertSwarm, serviceType } from './swarm.ts';
import type { EngineEvent, RunnerOptions, UpResult } from './types.ts';

/** Makes the engine match the program. Throws a RunnerError with every resource that failed. */
export async function up(options: RunnerOptions): Promise<UpResult> {
  if (options.signal?.aborted) throw abortError();
  const { project, config } = await readStack(options);
  await claimStack(options.stateDir, 'local');
  const lock = await acquireLock(options.stateDir);
  try {
    const state = await openState(options, project, config);
    try {
      return await bringUp(options, state, project, config);
    } finally {
      await closeState(state, options.stateDir);
    }
  } finally {
    await lock.release();
  }
}

async function bringUp(
  options: RunnerOptions,
  state: State,
  project: Project,
  config: StackConfig,
): Promise<UpResult> {
  const run = new Run(options, state);
  run.mask.add(config.secretKeys.map((key) => config.values[key] ?? ''));
  const { resources, rules } = await rehearse(options, state, project, config, 'up');
  await assertSwarm(run.docker, resources);
  if (resources.some(({ type }) => type === serviceType)) run.emit(trialNotice(options.stack));
  const { outputs, registered } = await execute(run, {
    project,
    config,
    preview: false,
    handle: async (registration) =>
      applyPlan(run, await planResource(run, registration, project.programDir, rules)),
  });
  await deleteLeftovers(run, registered);
  state.outputs = outputs;
  return { outputs, summary: run.summary() };
}

function trialNotice(stack: string): EngineEvent {
  const message =
    `This is a trial of "${stack}" by the local runner, which makes its state here and nowhere else. ` +
    `For production deploy it with the Pulumi CLI: npx pulumi up --stack ${stack}`;
  return { kind: 'message', severity: 'warning', message };
}

/** What was replaced, and what is not in the program any more. */
async function deleteLeftovers(run: Run, registered: ReadonlySet<string>): Promise<void> {
  const { state } = run;
  const left = [...state.resources.values()].filter(({ urn }) => !registered.has(urn));
  const locked = left.filter((stored) => stored.protect);
  if (locked.length > 0) {
    throw failuresError(
      locked.map(({ urn }) => ({
        urn,
        message:
          'It left the program but is protected (option protect). Put it back, or set protect: false and ' +
          'run once more before you take it out.',
      })),
    );
  }
  for (const { urn, name } of left.filter((stored) => stored.retainOnDelete)) {
    state.resources.delete(urn);
    const message = `"${name}" left the program and is kept on the engine (option retainOnDelete).`;
    run.emit({ kind: 'message', severity: 'info', message });
  }
  const doomed = left.filter((stored) => !stored.retainOnDelete);
  await deleteResources(run, [...doomed, ...state.obsolete]);
}

/** The project and its stack's config, checked. */
export async function readStack(
  options: RunnerOptions,
): Promise<{ project: Project; config: StackConfig }> {
  const project = await readProject(options.projectDir);
  const { stack, configFile, passphrase } = options;
  const config = await loadConfig(project, stack, configFile, passphrase);
  const refused = Object.keys(config.values).filter(
    (key) => /^(docker|random|tls|pulumi):/.test(key) && key !== 'docker:host',
  );
  if (refused.length > 0) {
    throw new RunnerError(
      `The local runner cannot honour the config ${refused.map((key) => `"${key}"`).join(', ')}; ` +
        'of the providers it knows docker:host only. Deploy this stack with the Pulumi CLI: npx pulumi up',
    );
  }
  return { project, config };
}

/** The stored state, or an empty one that is not written yet. */
export async function openState(
  options: RunnerOptions,
  project: Project,
  config: StackConfig,
): Promise<State> {
  const { stateDir, passphrase, stack } = options;
  const state =
    (await State.read(stateDir, passphrase)) ??
    (await State.create(stateDir, passphrase, {
      project: project.name,
      stack,
      encryptionSalt: config.encryptionSalt,
    }));
  const host = config.values['docker:host'] || undefined;
  if (!state.isEmpty && state.dockerHost !== host) {
    throw new RunnerError(
      `The stack is on the engine ${state.dockerHost ?? 'of this machine'} and docker:host is now ` +
        `${host ?? 'not set'}. Set it back, or take the stack down first: npm run down`,
    );
  }
  state.dockerHost = host;
  return state;
}
