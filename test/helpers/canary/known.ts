/** The secrets of a stack, as config and state have them. */
import { clientKeys } from '../../../infra/config/client-keys.ts';
import { reveal } from '../../../local/secret-value.ts';
import { State } from '../../../local/state.ts';
import { readPassphrase } from '../../../scripts/config/passphrase.ts';
import { StackConfig } from '../../../scripts/config/stack-config.ts';
import type { StackFiles } from '../../../scripts/stack/stack-files.ts';
import { privateKey, type Secret, secret } from './secret.ts';

/** What the user gives, by key of config. */
const GIVEN = { dremioPassword: 'Dremio password', registryPassword: 'registry password' } as const;

/** What the program makes, by name of the resource. */
const MADE: readonly (readonly [name: RegExp, what: string])[] = [
  [/^mcp-key(-2)?$/, 'MCP key'],
  [/^session-secret(-2)?$/, 'session secret'],
  [/-password$/, 'Dremio password'],
  [/-authority-key$/, 'key of the authority'],
  [/-tls-key$/, 'key of the certificate'],
];

/** All that are there now, those of a rotation among them; none of a stack that was never made, or is gone. */
export async function secretsOf(files: StackFiles): Promise<readonly Secret[]> {
  const passphrase = await readPassphrase(files, process.env, { make: false });
  if (passphrase === undefined) return [];
  const config = await StackConfig.read(files, passphrase);
  const given = await Promise.all(
    Object.entries(GIVEN).map(async ([key, name]) => ({
      name,
      value: await config.getSecret(key),
    })),
  );
  const keys = clientKeys.parse((await config.getSecret('mcpKeys')) ?? '') ?? {};
  const state = await State.read(files.folder, passphrase);
  const resources = [...(state?.resources.values() ?? []), ...(state?.obsolete ?? [])];
  return [
    secret('passphrase', passphrase),
    ...given.flatMap(({ name, value }) => (value === undefined ? [] : [secret(name, value)])),
    ...Object.values(keys)
      .flatMap((each) => (typeof each === 'string' || Array.isArray(each) ? each : each.keys))
      .map((key) => secret('MCP key', key)),
    ...resources.flatMap(({ type, name, outputs }) => {
      const { result, privateKeyPem } = reveal(outputs) as Record<string, unknown>;
      if (type.endsWith(':RandomPassword')) return [secret(nameOf(name), String(result))];
      if (type.endsWith(':PrivateKey')) return [privateKey(nameOf(name), String(privateKeyPem))];
      return [];
    }),
  ];
}

/** @throws Error for one that nobody has named yet */
function nameOf(resource: string): string {
  const found = MADE.find(([name]) => name.test(resource));
  if (found === undefined)
    throw new Error(`what secret is the resource ${resource}? Name it here.`);
  return found[1];
}
