import { stringify } from 'yaml';
import { type Crypter, newEncryptionSalt, openCrypter } from '../../local/crypter.ts';
import { CommandError, EXIT } from '../command-error.ts';
import { readIfThere, type StackFiles, writeWhole } from '../stack/stack-files.ts';
import type { Changes } from './arguments.ts';
import { NAMESPACE } from './keys.ts';
import {
  isSealed,
  type Overrides,
  parseMapping,
  readOverrides,
  writeOverrides,
} from './overrides.ts';

/** The config of a stack: what is in git, what the user set on this machine, and the defaults of Pulumi.yaml. */
export class StackConfig {
  readonly files: StackFiles;
  readonly #passphrase: string;
  readonly #committed: Record<string, unknown>;
  readonly #salt: string | undefined;
  readonly #defaults: Readonly<Record<string, unknown>>;
  readonly #overrides: Overrides;

  private constructor(
    files: StackFiles,
    passphrase: string,
    documents: { project: Record<string, unknown>; committed: Record<string, unknown> },
    overrides: Overrides,
  ) {
    this.files = files;
    this.#passphrase = passphrase;
    this.#defaults = defaultsOf(documents.project);
    this.#committed = configOf(documents.committed);
    const { encryptionsalt } = documents.committed;
    this.#salt = typeof encryptionsalt === 'string' ? encryptionsalt : undefined;
    this.#overrides = overrides;
  }

  /** Reads everything; `passphrase` opens and seals secrets. */
  static async read(files: StackFiles, passphrase: string): Promise<StackConfig> {
    const document = async (path: string) => parseMapping((await readIfThere(path)) ?? '', path);
    const project = await document(`${files.project}/Pulumi.yaml`);
    const committed = await document(files.committed);
    const overrides = await readOverrides(files);
    return new StackConfig(files, passphrase, { project, committed }, overrides);
  }

  /** The value of a key as it would be typed, defaults included; `undefined` when unset, empty or sealed. */
  get(key: string): string | undefined {
    const value = this.#value(fullName(key));
    if (value === undefined || value === null || value === '' || isSealed(value)) return undefined;
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  /** The clear value of a secret key, for checks before a deployment. */
  async getSecret(key: string): Promise<string | undefined> {
    const value = this.#value(fullName(key));
    if (!isSealed(value)) return this.get(key);
    const own = this.#overrides.config[fullName(key)] === value;
    return (await this.#crypter(own)).decrypt(value.secure);
  }

  /** Whether git or the user gives a value, rather than a default or this machine. */
  isSet(key: string): boolean {
    const full = fullName(key);
    return this.#overrides.config[full] !== undefined || this.#committed[full] !== undefined;
  }

  has(key: string): boolean {
    const value = this.#value(fullName(key));
    return value !== undefined && value !== null && value !== '';
  }

  /** Full keys that git or the user gives a value. */
  keys(): string[] {
    return [...new Set([...Object.keys(this.#committed), ...Object.keys(this.#overrides.config)])];
  }

  /** What `up` found out about this machine and kept. */
  machine(key: string): string | undefined {
    return this.#overrides.machine[fullName(key)];
  }

  setMachine(key: string, value: string | undefined): void {
    if (value === undefined) delete this.#overrides.machine[fullName(key)];
    else this.#overrides.machine[fullName(key)] = value;
  }

  /** Applies what the user asked for; nothing is written before `save`. */
  async change(changes: Changes, secrets: ReadonlyMap<string, string>): Promise<void> {
    for (const key of changes.unset) {
      delete this.#overrides.config[key];
      delete this.#overrides.machine[key];
    }
    Object.assign(this.#overrides.config, changes.set);
    for (const [key, value] of secrets) await this.setSecret(key, value);
  }

  /** Seals a secret into the user's settings. */
  async setSecret(key: string, value: string): Promise<void> {
    const crypter = await this.#crypter(true);
    this.#overrides.config[fullName(key)] = { secure: crypter.encrypt(value) };
  }

  /** Makes the salt that seals secrets if there is none yet: the Pulumi CLI would make another at every run. */
  async ensureSalt(): Promise<void> {
    if (this.#salt === undefined) await this.#crypter(true);
  }

  /** Writes the user's settings and the merged file that Pulumi or the runner reads. */
  async save(): Promise<void> {
    await writeOverrides(this.files, this.#overrides);
    await this.writeMerged(this.files.config);
  }

  /** Writes the file that Pulumi or the runner reads, and keeps nothing. */
  async writeMerged(path: string): Promise<void> {
    const config: Record<string, unknown> = { ...this.#committed };
    for (const [key, value] of Object.entries(this.#overrides.machine)) config[key] ??= value;
    for (const [key, value] of Object.entries(this.#overrides.config))
      config[key] = isSealed(value) ? { secure: await this.#sealedForUse(value.secure) } : value;
    const encryptionsalt = this.#salt ?? this.#overrides.encryptionsalt;
    const merged = { ...(encryptionsalt === undefined ? {} : { encryptionsalt }), config };
    await writeWhole(
      path,
      `# Made by every run from Pulumi.${this.files.stack}.yaml and overrides.yaml; changes here are lost.\n${stringify(merged)}`,
    );
  }

  /** A stack has one salt. Where the config in git brings it, the user's secrets are sealed again under that one. */
  async #sealedForUse(sealed: string): Promise<string> {
    if (this.#salt === undefined) return sealed;
    const clear = (await this.#crypter(true)).decrypt(sealed);
    return (await this.#crypter(false)).encrypt(clear);
  }

  #value(full: string): unknown {
    return (
      this.#overrides.config[full] ??
      this.#committed[full] ??
      this.#overrides.machine[full] ??
      this.#defaults[full]
    );
  }

  /** Opens secrets of the user's settings (`own`), or those that are in git. */
  async #crypter(own: boolean): Promise<Crypter> {
    if (!own && this.#salt !== undefined) {
      try {
        return await openCrypter(this.#passphrase, this.#salt);
      } catch {
        throw new CommandError(
          `Pulumi.${this.files.stack}.yaml holds secrets that were sealed with another passphrase.`,
          {
            exitCode: EXIT.usage,
            advice: [
              'Name the right one in PULUMI_CONFIG_PASSPHRASE_FILE, then run the command again.',
            ],
          },
        );
      }
    }
    this.#overrides.encryptionsalt ??= await newEncryptionSalt(this.#passphrase);
    return openCrypter(this.#passphrase, this.#overrides.encryptionsalt);
  }
}

const fullName = (key: string) => (key.includes(':') ? key : `${NAMESPACE}:${key}`);

function configOf(document: Record<string, unknown>): Record<string, unknown> {
  const { config } = document;
  return typeof config === 'object' && config !== null ? { ...config } : {};
}

/** Defaults declared in Pulumi.yaml, by full key. */
function defaultsOf(document: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(configOf(document)).flatMap(([key, declared]) =>
      typeof declared === 'object' && declared !== null && 'default' in declared
        ? [[fullName(key), declared.default]]
        : [],
    ),
  );
}
