/** Which Dremio a stack has. */
import * as pulumi from '@pulumi/pulumi';
import { command, type Key, type Raw } from './keys.ts';

/** Which Dremio stands behind the MCP URL: the demo, or the user's own. */
export type Source =
  | { readonly kind: 'demo'; readonly tokenLifeSeconds: number }
  | {
      readonly kind: 'own';
      readonly url: URL;
      readonly username: string;
      readonly password: pulumi.Output<string>;
      /** PEM text of the authority behind Dremio's certificate. */
      readonly ca?: string;
      /** An existing Docker network to reach Dremio on. */
      readonly network?: string;
      /** Whether plain http to it is said to stay where only its owner can listen. */
      readonly internal: boolean;
      /** Whether the first user of a Dremio that has none is created from these credentials. */
      readonly createFirstUser: boolean;
    };

/**
 * @param isSet also true of a key whose value was refused
 * @param problems where they are added
 */
export function readSource(
  raw: Raw,
  isSet: (key: Key) => boolean,
  problems: string[],
): Source | undefined {
  const ownKeys = (
    ['dremioUrl', 'dremioUsername', 'dremioPassword', 'dremioCa', 'dremioNetwork'] as const
  ).filter(isSet);
  if (raw.demo) {
    const set = raw.dremioCreateFirstUser
      ? [...ownKeys, 'dremioCreateFirstUser' as const]
      : ownKeys;
    for (const key of set)
      problems.push(
        `"demo" is true and "${key}" is set; a stack has the demo or your own Dremio, not both. ` +
          `Keep one: npm run up -- --set demo=false, or npm run up -- --unset ${key}`,
      );
    return { kind: 'demo', tokenLifeSeconds: raw.demoTokenLife };
  }
  if (ownKeys.length === 0) {
    const own =
      'npm run up -- --set dremioUrl=… --set dremioUsername=… --set-secret dremioPassword';
    problems.push(
      raw.platform === 'swarm'
        ? `No Dremio is named. Name yours: ${own}`
        : `No Dremio is named. For the demo: npm run up -- --set demo=true. For your own: ${own}`,
    );
    return undefined;
  }
  for (const key of ['dremioUrl', 'dremioUsername', 'dremioPassword'] as const)
    if (!isSet(key))
      problems.push(`"${key}" is not set; your own Dremio needs it. Set it: ${command(key)}`);
  const { dremioUrl: url, dremioUsername: username, dremioPassword: password } = raw;
  if (!url || !username || !password) return undefined;
  return {
    kind: 'own',
    url,
    username,
    password: pulumi.secret(password),
    internal: raw.dremioInternal,
    createFirstUser: raw.dremioCreateFirstUser,
    ...(raw.dremioCa === undefined ? {} : { ca: raw.dremioCa }),
    ...(raw.dremioNetwork === undefined ? {} : { network: raw.dremioNetwork }),
  };
}
