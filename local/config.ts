/** Reads a stack's config file as Pulumi reads it: every value becomes a text. */

import { readFile } from 'node:fs/promises';
import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { type Crypter, openCrypter } from './crypter.ts';
import { RunnerError } from './errors.ts';
import type { ConfigType, DeclaredKey, Project } from './project.ts';

export interface StackConfig {
  /** By `namespace:key`; objects, lists, numbers and booleans as their JSON or YAML text. */
  values: Record<string, string>;
  /** Keys whose values are secret. */
  secretKeys: string[];
  /** The file's salt, if it has one. */
  encryptionSalt?: string;
}

interface Decoded {
  /** What the text stands for, to check its declared type. */
  value: unknown;
  text: string;
  secret: boolean;
}

type Decrypt = (ciphertext: string, key: string) => string;

/**
 * @param passphrase opens `secure:` values; used only when there is one
 * @throws RunnerError with every missing or wrong key at once
 */
export async function loadConfig(
  project: Project,
  stack: string,
  file: string,
  passphrase: string,
): Promise<StackConfig> {
  const { config, encryptionSalt } = await readStackFile(file);
  const crypter =
    encryptionSalt === undefined ? undefined : await openCrypter(passphrase, encryptionSalt);
  const decrypt: Decrypt = (ciphertext, key) => decryptValue(crypter, ciphertext, key, file);
  const found = new Map<string, Decoded>();
  for (const [name, node] of config) {
    const key = name.includes(':') ? name : `${project.name}:${name}`;
    if (found.has(key)) throw new RunnerError(`${file} sets the config key "${key}" twice.`);
    found.set(key, decode(node, key, decrypt));
  }
  addDefaults(project, stack, found);
  return {
    values: Object.fromEntries([...found].map(([key, { text }]) => [key, text])),
    secretKeys: [...found].filter(([, { secret }]) => secret).map(([key]) => key),
    ...(encryptionSalt === undefined ? {} : { encryptionSalt }),
  };
}

interface StackFile {
  config: Map<string, Node | null>;
  encryptionSalt?: string;
}

async function readStackFile(file: string): Promise<StackFile> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new RunnerError(`Cannot read the config file ${file}: ${error.message}`);
  });
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) throw new RunnerError(`${file} is not valid YAML: ${broken.message}`);
  const root = document.contents;
  if (root === null) return { config: new Map() };
  if (!isMap(root)) throw new RunnerError(`${file} must hold keys such as "config".`);
  for (const key of ['secretsprovider', 'encryptedkey', 'environment']) {
    if (root.has(key)) {
      throw new RunnerError(
        `${file} uses "${key}", which the local runner cannot: it knows passphrases only. ` +
          'Deploy this stack with the Pulumi CLI: npx pulumi up',
      );
    }
  }
  const salt = root.get('encryptionsalt');
  return {
    config: entries(root.get('config', true) ?? null, file),
    ...(typeof salt === 'string' ? { encryptionSalt: salt } : {}),
  };
}

function entries(node: unknown, file: string): Map<string, Node | null> {
  if (node === null || (isScalar(node) && node.value === null)) return new Map();
  if (!isMap(node)) throw new RunnerError(`"config" in ${file} must hold keys and values.`);
  return new Map(
    node.items.map(({ key, value }) => [
      String(isScalar(key) ? key.value : key),
      value as Node | null,
    ]),
  );
}

/** A plain scalar keeps its spelling (8080, 1.10, yes), as Go's YAML reader gives it to Pulumi. */
function decode(node: Node | null, key: string, decrypt: Decrypt): Decoded {
  if (node === null || isScalar(node)) {
    const value = node?.value ?? '';
    const text = typeof value === 'string' ? value : (node?.source ?? String(value));
    return { value: text, text, secret: false };
  }
  const ciphertext = secureValue(node);
  if (ciphertext !== undefined) {
    const text = decrypt(ciphertext, key);
    return { value: text, text, secret: true };
  }
  const { value, secret } = decodeNested(node, key, decrypt);
  return { value, text: JSON.stringify(value), secret };
}

function decodeNested(
  node: unknown,
  key: string,
  decrypt: Decrypt,
): { value: unknown; secret: boolean } {
  const ciphertext = secureValue(node);
  if (ciphertext !== undefined) return { value: decrypt(ciphertext, key), secret: true };
  if (isScalar(node)) return { value: node.value, secret: false };
  if (isSeq(node)) {
    const items = node.items.map((item) => decodeNested(item, key, decrypt));
    return { value: items.map(({ value }) => value), secret: items.some(({ secret }) => secret) };
  }
  if (!isMap(node)) {
    throw new RunnerError(`The config key "${key}" uses a YAML alias; write the value itself.`);
  }
  const fields = node.items.map((pair) => ({
    name: String(isScalar(pair.key) ? pair.key.value : pair.key),
    ...decodeNested(pair.value, key, decrypt),
  }));
  return {
    value: Object.fromEntries(fields.map(({ name, value }) => [name, value])),
    secret: fields.some(({ secret }) => secret),
  };
}

/** The ciphertext of `{ secure: … }`, in whatever depth it stands. */
function secureValue(node: unknown): string | undefined {
  if (!isMap(node) || node.items.length !== 1) return undefined;
  const value = node.get('secure');
  return typeof value === 'string' ? value : undefined;
}

function decryptValue(
  crypter: Crypter | undefined,
  ciphertext: string,
  key: string,
  file: string,
): string {
  if (crypter === undefined) {
    throw new RunnerError(
      `The config key "${key}" is encrypted, but ${file} has no encryptionsalt to open it with. ` +
        'Restore that line from version control, or set the key again.',
    );
  }
  try {
    return crypter.decrypt(ciphertext);
  } catch {
    throw new RunnerError(
      `The config key "${key}" in ${file} cannot be decrypted: it was changed, or encrypted with ` +
        'another passphrase. Set the key again.',
    );
  }
}

/** Adds declared defaults, then says everything that is missing or of the wrong type. */
function addDefaults(project: Project, stack: string, found: Map<string, Decoded>): void {
  const missing: string[] = [];
  const wrong: string[] = [];
  for (const declared of project.declared) {
    const given = found.get(declared.key);
    if (given !== undefined) {
      const fault = declaredFault(declared, given);
      if (fault !== undefined) wrong.push(`"${declared.key}" ${fault}`);
    } else if (declared.default === undefined) {
      missing.push(`'${declared.key.replace(`${project.name}:`, '')}'`);
    } else {
      found.set(declared.key, fromDefault(declared.default));
    }
  }
  const said = [
    ...(missing.length > 0
      ? [`Stack '${stack}' is missing configuration values ${missing.join(', ')}.`]
      : []),
    ...wrong.map((fault) => `Stack '${stack}': config key ${fault}.`),
  ];
  if (said.length > 0) throw new RunnerError(said.join('\n'));
}

function fromDefault(value: unknown): Decoded {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return { value, text, secret: false };
}

function declaredFault(declared: DeclaredKey, given: Decoded): string | undefined {
  if (declared.secret && !given.secret) return "must be encrypted, as it's secret";
  if (declared.type === undefined || given.secret) return undefined;
  return fits[declared.type](given) ? undefined : `must be of type ${declared.type}`;
}

const fits: Record<ConfigType, (given: Decoded) => boolean> = {
  string: ({ value }) => typeof value !== 'object',
  integer: ({ text }) => /^[+-]?\d+$/.test(text),
  boolean: ({ text }) => text === 'true' || text === 'false',
  array: ({ value }) => Array.isArray(value),
  object: ({ value }) => typeof value === 'object' && !Array.isArray(value),
};
