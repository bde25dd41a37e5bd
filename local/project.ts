/** Reads Pulumi.yaml: the project's name, its program and the config keys it declares. */

import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { RunnerError } from './errors.ts';

export type ConfigType = 'string' | 'integer' | 'boolean' | 'array' | 'object';

/** A config key that the project declares (pulumi/pulumi sdk/go/common/workspace/project.json). */
export interface DeclaredKey {
  /** `project:key`. */
  key: string;
  type?: ConfigType;
  /** Used when the stack does not set the key; undefined makes the key required. */
  default?: unknown;
  /** The value must be given encrypted. */
  secret: boolean;
}

export interface Project {
  name: string;
  /** Folder that the program runs in; build contexts are relative to it. */
  programDir: string;
  /** The program's module, an absolute path. */
  entry: string;
  declared: readonly DeclaredKey[];
}

const configTypes: readonly string[] = ['string', 'integer', 'boolean', 'array', 'object'];
const entryNames = ['index.js', 'index.mjs', 'index.ts', 'index.mts'];

/** Throws a RunnerError that names the file and the line's key when something is wrong. */
export async function readProject(projectDir: string): Promise<Project> {
  const file = join(projectDir, 'Pulumi.yaml');
  const settings = await readSettings(file);
  const { name, main = '.' } = settings;
  if (typeof name !== 'string' || name === '') throw new RunnerError(`${file} has no "name".`);
  if (typeof main !== 'string') throw new RunnerError(`"main" in ${file} must be a path.`);
  const entry = await findEntry(resolve(projectDir, main), file);
  return {
    name,
    programDir: dirname(entry),
    entry,
    declared: Object.entries(asObject(settings.config)).map(([key, declaration]) =>
      readDeclaration(name, key, declaration, file),
    ),
  };
}

async function readSettings(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new RunnerError(`Cannot read ${file}; a Pulumi project has this file.`, [], {
      cause: error,
    });
  }
  try {
    return asObject(parse(text));
  } catch (error) {
    throw new RunnerError(`${file} is not valid YAML: ${(error as Error).message}`);
  }
}

async function findEntry(main: string, file: string): Promise<string> {
  const kind = await stat(main).catch(() => undefined);
  if (kind?.isFile()) return main;
  if (kind?.isDirectory()) {
    for (const candidate of entryNames) {
      const path = join(main, candidate);
      if ((await stat(path).catch(() => undefined))?.isFile()) return path;
    }
  }
  throw new RunnerError(
    `The program of ${basename(dirname(file))} is not there: "main" in ${file} leads to ${main}, ` +
      `which is neither a module nor a folder with one of ${entryNames.join(', ')}.`,
  );
}

function readDeclaration(
  project: string,
  key: string,
  declaration: unknown,
  file: string,
): DeclaredKey {
  const full = key.includes(':') ? key : `${project}:${key}`;
  if (typeof declaration !== 'object' || declaration === null || Array.isArray(declaration)) {
    return { key: full, default: declaration, secret: false };
  }
  const { type, secret, value } = declaration as Record<string, unknown>;
  const fallback = (declaration as Record<string, unknown>).default ?? value;
  if (type !== undefined && !(typeof type === 'string' && configTypes.includes(type))) {
    throw new RunnerError(
      `The type of config key "${key}" in ${file} must be one of ${configTypes.join(', ')}.`,
    );
  }
  return {
    key: full,
    ...(type === undefined ? {} : { type: type as ConfigType }),
    ...(fallback === undefined ? {} : { default: fallback }),
    secret: secret === true,
  };
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
