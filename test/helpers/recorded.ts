/** What tests of the recorded program share: its inputs in clear, and a production stack as a user sets it. */
import type { ProgramOptions } from './pulumi-program.ts';

/** Inputs as an engine of deployment sees them: secrets unwrapped. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const { secret, ...rest } = value as Record<string, unknown>;
  if (secret !== undefined && Object.keys(rest).length === 0) return plain(secret);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export const DIGEST = `sha256:${'5'.repeat(64)}`;

/** A production stack with its own Dremio and pinned bases. */
export function productionOptions(
  config: Readonly<Record<string, string>> = {},
  secrets: Readonly<Record<string, string>> = {},
): ProgramOptions {
  return {
    stack: 'prod',
    config: {
      platform: 'swarm',
      domain: 'mcp.lakes.test',
      dremioUrl: 'https://dremio.lakes.test:9047',
      dremioUsername: 'analyst',
      nodeImage: `registry.test/node@${DIGEST}`,
      caddyImage: `registry.test/caddy@${DIGEST}`,
      ...config,
    },
    secrets: { dremioPassword: 'vT9-kq2;Lm4x', ...secrets },
  };
}
