/** A folder for one run of the preview: a backend, a passphrase and stacks that are gone with it. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { encryptSecret, newEncryptionSalt } from '../../local/index.ts';
import { CommandError } from '../command-error.ts';
import { NAMESPACE, shortKey } from '../config/keys.ts';
import { isSealed, parseMapping } from '../config/overrides.ts';
import { readIfThere } from '../stack/stack-files.ts';
import { type DummyValues, dummies } from './dummy-secrets.ts';

/**
 * Nobody answers there (RFC 2606), and nobody is asked: for an address of this form the Docker provider connects when
 * it makes something and not before (pulumi-docker provider/image.go).
 */
const NO_ENGINE = 'ssh://nobody@preview.invalid';

export class Scratch {
  readonly folder: string;
  readonly passphrase = randomBytes(32).toString('base64url');
  /** What the Pulumi CLI must find in its environment, and nothing of the caller's own backend. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #salt: Promise<string>;
  readonly #dummies = new Map<string, DummyValues>();

  private constructor(folder: string) {
    this.folder = folder;
    this.#salt = newEncryptionSalt(this.passphrase);
    const { PULUMI_ACCESS_TOKEN: _token, PULUMI_CONFIG_PASSPHRASE: _own, ...rest } = process.env;
    this.environment = {
      ...rest,
      PULUMI_BACKEND_URL: `file://${join(folder, 'backend')}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: join(folder, 'passphrase'),
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      // Caches of the CLI's hosts.
      TMPDIR: join(folder, 'tmp'),
      // The event log is one of the flags that the CLI has for tools.
      PULUMI_DEBUG_COMMANDS: 'true',
    };
  }

  static async make(): Promise<Scratch> {
    const scratch = new Scratch(await mkdtemp(join(tmpdir(), 'lakehouse-preview-')));
    for (const name of ['backend', 'tmp']) await mkdir(join(scratch.folder, name));
    await writeFile(join(scratch.folder, 'passphrase'), scratch.passphrase, { mode: 0o600 });
    return scratch;
  }

  /**
   * Writes the config of a stack as the project has it in git, with stand-ins for its secrets.
   * @param folder of its own inside the scratch folder; made here
   * @returns the file
   */
  async stackConfig(project: string, stack: string, folder: string): Promise<string> {
    const source = join(project, `Pulumi.${stack}.yaml`);
    const document = parseMapping((await readIfThere(source)) ?? '', source);
    const committed = (document.config ?? {}) as Record<string, unknown>;
    const defaults = await defaultsOf(project);
    const config: Record<string, unknown> = { ...committed, 'docker:host': NO_ENGINE };
    const lookup = (key: string) => {
      const value = committed[`${NAMESPACE}:${key}`] ?? defaults[key];
      return value === undefined || isSealed(value) ? undefined : String(value);
    };
    const sealed = Object.keys(committed).filter((key) => isSealed(committed[key]));
    const unknown = sealed.filter((key) => dummies[shortKey(key)] === undefined);
    if (unknown.length > 0)
      throw new CommandError(`There is no stand-in for the secret ${unknown.join(', ')}.`, {
        advice: ['Add one to scripts/preview/dummy-secrets.ts.'],
      });
    const salt = await this.#salt;
    for (const [key, dummy] of Object.entries(dummies)) {
      if (!sealed.includes(`${NAMESPACE}:${key}`) && !dummy.needed(lookup)) continue;
      const made = this.#dummies.get(key) ?? (await dummy.make(lookup));
      // The same for both sides of a comparison, or the secret itself would be a change.
      this.#dummies.set(key, made);
      config[`${NAMESPACE}:${key}`] = {
        secure: await encryptSecret(made.secret, this.passphrase, salt),
      };
      for (const [other, value] of Object.entries(made.beside ?? {}))
        config[`${NAMESPACE}:${other}`] = value;
    }
    await mkdir(join(this.folder, folder), { recursive: true });
    const file = join(this.folder, folder, `Pulumi.${stack}.yaml`);
    await writeFile(file, stringify({ encryptionsalt: salt, config }), { mode: 0o600 });
    return file;
  }

  /** Every text that no report may hold: secrets, and what is inside those that are JSON or PEM. */
  secrets(): string[] {
    const made = [...this.#dummies.values()].flatMap(({ secret }) => [
      secret,
      ...secret.split(/[\s"]+/).filter((part) => part.length >= 20),
    ]);
    return [this.passphrase, ...made];
  }

  async remove(): Promise<void> {
    // What the CLI started may still be writing its last file.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Defaults that Pulumi.yaml declares, by short key. */
async function defaultsOf(project: string): Promise<Record<string, unknown>> {
  const path = join(project, 'Pulumi.yaml');
  const { config } = parseMapping(await readFile(path, 'utf8'), path);
  return Object.fromEntries(
    Object.entries((config ?? {}) as Record<string, { default?: unknown }>).map(
      ([key, declared]) => [key, declared.default],
    ),
  );
}
