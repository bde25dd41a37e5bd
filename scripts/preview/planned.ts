/**
 * What a program of this repository, of whatever revision, registers: found out by running it as the runner in local/
 * does, on Pulumi's mocks, without the Pulumi CLI and without an engine.
 */
import { createHash } from 'node:crypto';
import { canonical } from '../../local/canonical.ts';
import { loadConfig } from '../../local/config.ts';
import { startProgram } from '../../local/program.ts';
import { readProject } from '../../local/project.ts';
import type { Registered, Registration, ResourceOptions } from '../../local/registration.ts';
import type { Context } from '../../local/resource-type.ts';
import { resourceTypes } from '../../local/resources/index.ts';
import { reveal, secret } from '../../local/secret-value.ts';

export interface PlannedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** With secrets marked. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Digests of what lies outside the inputs: the files that an image is built from. */
  readonly facts: Readonly<Record<string, string>>;
  readonly options: Pick<
    ResourceOptions,
    'aliases' | 'ignoreChanges' | 'protect' | 'replaceOnChanges' | 'retainOnDelete'
  >;
}

export interface Program {
  /** Folder with Pulumi.yaml. */
  readonly project: string;
  readonly stack: string;
  readonly configFile: string;
  readonly passphrase: string;
  readonly signal?: AbortSignal;
}

/** @throws RunnerError with the program's own words when it refuses its config */
export async function planProgram(program: Program): Promise<PlannedResource[]> {
  const { stack, configFile, passphrase, signal } = program;
  const project = await readProject(program.project);
  const config = await loadConfig(project, stack, configFile, passphrase);
  signal?.throwIfAborted();
  const planned: PlannedResource[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const running = startProgram(project, stack, config, true, {
    register(registration, answer) {
      plan(registration, project.programDir).then((resource) => {
        if (resource !== undefined) planned.push(resource);
        answer(resource === undefined ? { state: {} } : answerOf(resource));
      }, reject);
    },
    finished: () => resolve(),
    failed: (message) => reject(new Error(message)),
    // Told by the preview itself.
    printed: () => {},
  });
  const abort = () => reject(signal?.reason);
  signal?.addEventListener('abort', abort);
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', abort);
    running.stop();
  }
  return planned.sort((a, b) => (a.urn < b.urn ? -1 : 1));
}

/** Components make nothing themselves, so they are no part of a plan. */
async function plan(
  { urn, type, name, custom, inputs, options }: Registration,
  programDir: string,
): Promise<PlannedResource | undefined> {
  if (!custom) return undefined;
  const clear = reveal(inputs) as Record<string, unknown>;
  const { aliases, ignoreChanges, protect, replaceOnChanges, retainOnDelete } = options;
  return {
    urn,
    type,
    name,
    inputs,
    facts: (await resourceTypes[type]?.facts?.(withoutEngine(programDir), clear)) ?? {},
    options: { aliases, ignoreChanges, protect, replaceOnChanges, retainOnDelete },
  };
}

/**
 * Outputs that only an engine knows are digests of the inputs that they come from. So an image whose files changed
 * shows in the services that run it, and a secret that is made anew in those that use it.
 */
function answerOf({ type, name, inputs, facts }: PlannedResource): Registered {
  const changing = resourceTypes[type]?.inPlace ?? [];
  const lasting = Object.entries(inputs).filter(
    ([key]) => changing !== 'all' && !changing.includes(key),
  );
  const id = digest(type, name, Object.fromEntries(lasting));
  const content = digest(type, name, inputs, facts);
  const made: Record<string, unknown> = { name: `${name}-${id.slice(0, 7)}`, ...inputs };
  if (type === 'docker:index/image:Image') {
    const { imageName, skipPush } = inputs;
    const repository = String(imageName).replace(/:[^:/]+$/, '');
    made.repoDigest = skipPush === true ? `sha256:${content}` : `${repository}@sha256:${content}`;
  }
  if (type === 'random:index/randomPassword:RandomPassword') made.result = secret(content);
  return { id, state: made };
}

const digest = (...parts: unknown[]) =>
  createHash('sha256')
    .update(canonical(reveal(parts)))
    .digest('hex');

function withoutEngine(programDir: string): Context {
  const none = () => Promise.reject(new Error('a plan is made without an engine'));
  return {
    programDir,
    docker: none,
    isOwn: () => false,
    progress: () => {},
    warn: () => {},
    isKnown: () => false,
    removeUsers: none,
  };
}
