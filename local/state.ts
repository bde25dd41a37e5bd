/** What the runner remembers of a stack between runs. */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Crypter, newEncryptionSalt, openCrypter } from './crypter.ts';
import { RunnerError } from './errors.ts';
import { isSealed, isSecret, mapChildren, reveal, sealedSecret, secret } from './secret-value.ts';
import type { StackOutput } from './types.ts';

export interface StoredResource {
  urn: string;
  type: string;
  name: string;
  /** URNs that were there before this one; it is deleted before them. */
  dependencies: string[];
  protect: boolean;
  retainOnDelete: boolean;
  /** With secrets marked. */
  inputs: Record<string, unknown>;
  /** What the program got beyond its inputs; with secrets marked. */
  outputs: Record<string, unknown>;
  /** Digests of things outside the inputs that the resource is made from. */
  facts: Record<string, string>;
  /** Undefined when it was made once and is known to be gone. */
  id?: string;
  /** The label it carries on the engine, if it carries one. */
  label?: string;
  /** False while it is being made, and after that failed. */
  complete: boolean;
}

interface StateFile {
  version: 1;
  engine: 'local';
  project: string;
  stack: string;
  encryptionsalt: string;
  /** The `docker:host` of the stack; undefined stands for the machine's own engine. */
  dockerHost?: string;
  resources: StoredResource[];
  obsolete: StoredResource[];
  outputs: Record<string, StackOutput>;
}

const fileName = 'state.json';
const keyName = 'key';

export class State {
  readonly resources: Map<string, StoredResource>;
  /** Replaced resources that are still on the engine. */
  obsolete: StoredResource[];
  outputs: Record<string, StackOutput>;
  dockerHost: string | undefined;
  readonly #stateDir: string;
  readonly #crypter: Crypter;
  readonly #identity: Pick<StateFile, 'project' | 'stack' | 'encryptionsalt'>;

  private constructor(stateDir: string, crypter: Crypter, file: StateFile) {
    this.#stateDir = stateDir;
    this.#crypter = crypter;
    const { project, stack, encryptionsalt } = file;
    this.#identity = { project, stack, encryptionsalt };
    const opened = unseal(file, crypter) as StateFile;
    this.resources = new Map(opened.resources.map((resource) => [resource.urn, resource]));
    this.obsolete = opened.obsolete;
    this.outputs = opened.outputs;
    this.dockerHost = file.dockerHost;
  }

  /** Undefined when the stack has no state. Throws a RunnerError on a wrong passphrase. */
  static async read(stateDir: string, passphrase: string): Promise<State | undefined> {
    const file = readStateFile(stateDir);
    if (file === undefined) return undefined;
    return new State(stateDir, await openCrypter(passphrase, file.encryptionsalt), file);
  }

  /** A state without resources; nothing is written before `save`. */
  static async create(
    stateDir: string,
    passphrase: string,
    identity: { project: string; stack: string; encryptionSalt?: string | undefined },
  ): Promise<State> {
    const { project, stack } = identity;
    const encryptionsalt = identity.encryptionSalt ?? (await newEncryptionSalt(passphrase));
    const empty = { resources: [], obsolete: [], outputs: {} };
    const file: StateFile = {
      version: 1,
      engine: 'local',
      project,
      stack,
      encryptionsalt,
      ...empty,
    };
    return new State(stateDir, await openCrypter(passphrase, encryptionsalt), file);
  }

  /** Takes out a resource that is gone, whether it was current or replaced. */
  drop(stored: StoredResource): void {
    if (this.resources.get(stored.urn) === stored) this.resources.delete(stored.urn);
    this.obsolete = this.obsolete.filter((other) => other !== stored);
  }

  get isEmpty(): boolean {
    return this.resources.size === 0 && this.obsolete.length === 0;
  }

  /** Replaces the file in one step, so that a crash leaves the old state or the new one. */
  save(): void {
    const { resources, obsolete, outputs, dockerHost } = this;
    const content: StateFile = {
      version: 1,
      engine: 'local',
      ...this.#identity,
      ...(dockerHost === undefined ? {} : { dockerHost }),
      resources: [...resources.values()],
      obsolete,
      outputs: Object.fromEntries(
        Object.entries(outputs).map(([name, { value, secret: isHidden }]) => [
          name,
          { value: isHidden ? secret(value) : value, secret: isHidden },
        ]),
      ),
    };
    writeWhole(
      join(this.#stateDir, fileName),
      `${JSON.stringify(seal(content, this.#crypter), null, 2)}\n`,
    );
  }

  /** Deletes the state and the label key: for a stack of which nothing is left. */
  forget(): void {
    for (const name of [fileName, keyName]) rmSync(join(this.#stateDir, name), { force: true });
  }

  /** The outputs in clear, each with whether it is secret. */
  clearOutputs(): Record<string, StackOutput> {
    return Object.fromEntries(
      Object.entries(this.outputs).map(([name, { value, secret: isHidden }]) => [
        name,
        { value: reveal(value), secret: isHidden },
      ]),
    );
  }
}

/** The key of the stack's labels, made at first use. */
export function labelKey(stateDir: string): Uint8Array {
  const file = join(stateDir, keyName);
  try {
    return Buffer.from(readFileSync(file, 'utf8'), 'base64');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = randomBytes(32);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeWhole(file, key.toString('base64'));
  return key;
}

function readStateFile(stateDir: string): StateFile | undefined {
  const file = join(stateDir, fileName);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new RunnerError(`Cannot read the stack's state ${file}: ${(error as Error).message}`);
  }
  try {
    const content = JSON.parse(text) as StateFile;
    if (content.version === 1 && content.engine === 'local') return content;
  } catch {
    // Told below, as any other content that this runner did not write.
  }
  throw new RunnerError(
    `${file} is not a state of this version of the local runner. Restore it from a backup; without it, ` +
      'remove the containers, networks and volumes of the stack by hand and delete the file.',
  );
}

function writeWhole(file: string, content: string): void {
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w', 0o600);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
}

function seal(value: unknown, crypter: Crypter): unknown {
  if (isSecret(value)) return sealedSecret(crypter.encrypt(JSON.stringify(reveal(value) ?? null)));
  return mapChildren(value, (child) => seal(child, crypter));
}

function unseal(value: unknown, crypter: Crypter): unknown {
  if (isSealed(value)) return secret(JSON.parse(crypter.decrypt(value.ciphertext)));
  return mapChildren(value, (child) => unseal(child, crypter));
}
