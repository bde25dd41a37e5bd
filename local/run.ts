/** What every command needs: the stack's state, the engine, and a voice that keeps secrets. */

import type Dockerode from 'dockerode';
import { lazyDocker, parseDockerHost } from './docker-host.ts';
import { RunnerError } from './errors.ts';
import { isOwn } from './fingerprint.ts';
import { Mask } from './mask.ts';
import type { Context, Located } from './resource-type.ts';
import { resourceTypes } from './resources/index.ts';
import { secretTexts } from './secret-value.ts';
import { labelKey, type State, type StoredResource } from './state.ts';
import type { EngineEvent, Operation, RunnerOptions, Summary } from './types.ts';

/** What holds on to networks, volumes and secrets. */
const userTypes = ['docker:index/container:Container', 'docker:index/service:Service'];

export class Run {
  readonly options: RunnerOptions;
  readonly state: State;
  readonly mask = new Mask();
  readonly docker: () => Promise<Dockerode>;
  readonly counts = { create: 0, same: 0, update: 0, replace: 0, delete: 0 };
  readonly #started = Date.now();
  #key: Uint8Array | undefined;

  constructor(options: RunnerOptions, state: State) {
    this.options = options;
    this.state = state;
    const { dockerHost } = state;
    this.docker = lazyDocker(
      dockerHost === undefined ? options.docker : parseDockerHost(dockerHost),
    );
    for (const stored of [...state.resources.values(), ...state.obsolete]) {
      this.mask.add(secretTexts([stored.inputs, stored.outputs]));
    }
  }

  get key(): Uint8Array {
    this.#key ??= labelKey(this.options.stateDir);
    return this.#key;
  }

  emit(event: EngineEvent): void {
    this.options.onEvent?.(
      'message' in event ? { ...event, message: this.mask.apply(event.message) } : event,
    );
  }

  summary(): Summary {
    return { ...this.counts, durationMs: Date.now() - this.#started };
  }

  /** @param programDir what relative paths in inputs start from */
  context(urn: string, programDir: string): Context {
    return {
      docker: this.docker,
      programDir,
      isOwn: (label) => isOwn(this.key, urn, label),
      isKnown: (id) => this.#all().some((stored) => stored.id === id),
      progress: (message) => this.emit({ kind: 'progress', urn, message }),
      warn: (message) => this.emit({ kind: 'message', severity: 'warning', message }),
      removeUsers: (ids, reason) => this.#removeUsers(ids, reason),
    };
  }

  /** Reports one operation from its start to its end, and counts it. */
  async operate<T>(
    resource: { urn: string; type: string; name: string },
    operation: Operation,
    action: () => Promise<T>,
  ): Promise<T> {
    const { urn, type, name } = resource;
    const started = Date.now();
    this.emit({ kind: 'start', urn, type, name, operation });
    const result = await action();
    this.counts[operation]++;
    this.emit({ kind: 'done', urn, operation, durationMs: Date.now() - started });
    return result;
  }

  /** Deletes what a stored resource stands for; forgetting it is up to the caller. */
  async deleteFromEngine(stored: StoredResource): Promise<void> {
    const type = resourceTypes[stored.type];
    if (type === undefined) {
      throw new RunnerError(`The state holds a "${stored.type}", which this runner does not know.`);
    }
    const { id } = stored;
    if (id !== undefined) await type.delete?.(this.context(stored.urn, ''), { ...stored, id });
  }

  #all(): StoredResource[] {
    return [...this.state.resources.values(), ...this.state.obsolete];
  }

  async #removeUsers(ids: readonly string[], reason: string): Promise<void> {
    const ours = this.#all().filter(
      (stored): stored is Located => userTypes.includes(stored.type) && stored.id !== undefined,
    );
    const strangers = ids.filter((id) => !ours.some((stored) => stored.id === id));
    if (strangers.length > 0) {
      throw new RunnerError(
        `Containers or services that are not of this stack stand in the way, since ${reason}: ` +
          `${strangers.map((id) => id.slice(0, 12)).join(', ')}. Remove them: docker rm -f … or docker service rm …`,
      );
    }
    for (const stored of ours.filter(({ id }) => ids.includes(id))) {
      this.emit({
        kind: 'message',
        severity: 'info',
        message: `The ${kindOf(stored.type)} "${stored.name}" is removed, since ${reason}.`,
      });
      await this.deleteFromEngine(stored);
      // Gone from the engine, not from the program: its registration makes it again.
      delete (stored as StoredResource).id;
      this.state.save();
    }
  }
}

/** The last part of a type token, in plain words: `service`. */
function kindOf(token: string): string {
  return token.split(':').at(-1)?.toLowerCase() ?? token;
}

/** Where an abort is told from a failure. */
export function abortError(): RunnerError {
  return new RunnerError(
    'Stopped on request. What was under way is finished and recorded; run the same command to go on.',
  );
}
