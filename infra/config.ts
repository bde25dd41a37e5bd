/** The stack's config, read once: typed, checked key by key and across keys, every problem in one error. */
import * as pulumi from '@pulumi/pulumi';
import type { ClientKeys } from './config/client-keys.ts';
import { command, defaulted, type Key, keys, type Raw, secretKeys } from './config/keys.ts';
import { nearest } from './config/nearest.ts';
import { type Production, productionProblems, readProduction } from './config/production.ts';
import { relationProblems } from './config/relations.ts';
import { readSource, type Source } from './config/source.ts';
import type { Kind } from './config/values.ts';

/** How the login token is kept; all in seconds. */
export interface TokenCare {
  readonly checkInterval: number;
  readonly refreshMargin: number;
  /** 0 = never. */
  readonly logoutAfter: number;
}

/** Who may have how much of the proxy, and for how long; times in seconds. */
export interface Limits {
  readonly callTimeout: number;
  readonly clientAnswerTimeout: number;
  readonly inFlight: number;
  readonly inFlightPerKey: number;
  readonly inFlightPerSession: number;
  readonly queueLength: number;
  readonly queueWait: number;
}

/** Which tools clients are offered; an empty `allow` allows all. */
export interface ToolRules {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly readOnly: boolean;
}

/** The processes of the official server. */
export interface Children {
  readonly count: number;
  readonly sharing: 'shared' | 'call' | 'session';
  /** When one is replaced; 0 = never. */
  readonly maxCalls: number;
  readonly maxAgeSeconds: number;
  readonly maxMemoryMiB: number;
  /** After so long without a request a session gives its process back, where each has its own. */
  readonly idleSeconds: number;
}

/** A registry that the images of this repository are pushed to. */
export interface Registry {
  /** Host, port and path, without a final slash. */
  readonly path: string;
  readonly login?: { readonly username: string; readonly password: pulumi.Output<string> };
}

export interface Config {
  readonly stack: string;
  /** Where it is a production stack: on Swarm, behind an edge. */
  readonly production?: Production;
  readonly registry?: Registry;
  /** Whether a scraper has a network on which it reaches every service. */
  readonly monitoring: boolean;
  readonly source: Source;
  readonly token: TokenCare;
  readonly mcpPort: number;
  /** The bearer keys of MCP clients by name; one is made when there is none. */
  readonly mcpKeys?: pulumi.Output<ClientKeys>;
  readonly mcpKeyGeneration: number;
  /** Whether the made key before the current one is valid, too. */
  readonly mcpKeyOverlap: boolean;
  readonly sessionSecretGeneration: number;
  /** Whether ids of the next generation are valid already, and those of the one before no more. */
  readonly sessionSecretNext: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly serverMode: readonly string[];
  readonly pollingIntervalSeconds: number;
  readonly allowDml: boolean;
  readonly tools: ToolRules;
  readonly auditSql: boolean;
  readonly limits: Limits;
  readonly children: Children;
  readonly dremioMcpRevision?: string;
  readonly nodeImage: string;
  readonly caddyImage: string;
  readonly imagePlatform: string;
  readonly logLevel: string;
}

/**
 * Reads the config of the current stack.
 * @throws pulumi.RunError, which prints without a stack trace, with every problem and the command that mends it.
 */
export function loadConfig(): Config {
  const stack = pulumi.getStack();
  const config = new pulumi.Config();
  const problems: string[] = [];
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(stack))
    problems.push(
      `The stack is named "${stack}"; container names need small letters, digits and hyphens, at most 40.`,
    );
  problems.push(...unknownKeys(config.name));
  const raw = readKeys(config, problems);
  const source = readSource(raw, (key) => Boolean(config.get(key)), problems);
  problems.push(
    ...relationProblems(raw),
    ...productionProblems(raw, { stack, now: Date.now(), preview: pulumi.runtime.isDryRun() }),
  );
  const settled = problems.length === 0 && source ? { ...raw, source } : undefined;
  if (!settled)
    throw new pulumi.RunError(
      `The config of stack "${stack}" has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n` +
        problems.map((problem) => `  - ${problem}`).join('\n'),
    );
  const given =
    settled.mcpKeys ?? (settled.mcpKey === undefined ? undefined : { default: settled.mcpKey });
  const production = readProduction(settled);
  const registry = readRegistry(settled);
  return Object.freeze({
    stack,
    ...(production === undefined ? {} : { production }),
    ...(registry === undefined ? {} : { registry }),
    monitoring: settled.monitoring,
    source: settled.source,
    token: {
      checkInterval: settled.tokenCheckInterval,
      refreshMargin: settled.tokenRefreshMargin,
      logoutAfter: settled.tokenLogoutAfter,
    },
    mcpPort: settled.mcpPort,
    ...(given === undefined ? {} : { mcpKeys: pulumi.secret(given) }),
    mcpKeyGeneration: settled.mcpKeyGeneration,
    mcpKeyOverlap: settled.mcpKeyOverlap,
    sessionSecretGeneration: settled.sessionSecretGeneration,
    sessionSecretNext: settled.sessionSecretNext,
    allowedHosts: settled.allowedHosts ?? [],
    allowedOrigins: settled.allowedOrigins ?? [],
    serverMode: settled.serverMode,
    pollingIntervalSeconds: settled.pollingInterval,
    allowDml: settled.allowDml,
    tools: {
      allow: settled.toolsAllow ?? [],
      deny: settled.toolsDeny ?? [],
      readOnly: settled.toolsReadOnly,
    },
    auditSql: settled.auditSql,
    limits: {
      callTimeout: settled.callTimeout,
      clientAnswerTimeout: settled.clientAnswerTimeout,
      inFlight: settled.maxInFlight,
      inFlightPerKey: settled.maxInFlightPerKey,
      inFlightPerSession: settled.maxInFlightPerSession,
      queueLength: settled.queueLength,
      queueWait: settled.queueWait,
    },
    children: {
      count: settled.childCount,
      sharing: settled.childSharing,
      maxCalls: settled.childMaxCalls,
      maxAgeSeconds: settled.childMaxAge,
      maxMemoryMiB: settled.childMaxMemory,
      idleSeconds: settled.childIdle,
    },
    ...(settled.dremioMcpRevision === undefined
      ? {}
      : { dremioMcpRevision: settled.dremioMcpRevision }),
    nodeImage: settled.nodeImage,
    caddyImage: settled.caddyImage,
    imagePlatform: settled.imagePlatform,
    logLevel: settled.logLevel,
  });
}

/** Keys of our namespace that are not ours, with the name that was probably meant. */
function unknownKeys(project: string): string[] {
  const known = Object.keys(keys);
  return Object.keys(pulumi.runtime.allConfig())
    .filter((full) => full.startsWith(`${project}:`))
    .map((full) => full.slice(project.length + 1))
    .filter((key) => !known.includes(key))
    .map((key) => {
      const meant = nearest(key, known);
      return (
        `"${key}" is not a config key${meant ? `; did you mean "${meant}"?` : `; the keys are ${known.join(', ')}.`}` +
        ` Remove it: npm run up -- --unset ${key}`
      );
    });
}

/** Values by key; where one is wrong or missing a problem is added, so the caller must look at those first. */
function readKeys(config: pulumi.Config, problems: string[]): Raw {
  const raw: Record<string, unknown> = {};
  for (const key of Object.keys(keys) as Key[]) {
    const text = config.get(key);
    if (text === undefined || text === '') {
      if (defaulted.has(key))
        problems.push(
          `"${key}" is not set; expected ${keys[key].allowed}. Set it: ${command(key)}`,
        );
      continue;
    }
    const kind: Kind<unknown> = keys[key];
    const value = kind.parse(text);
    if (value !== undefined) raw[key] = value;
    else {
      const why = kind.problems?.(text) ?? ['has a value that is not allowed'];
      const shown = secretKeys.has(key) ? why.join('; it ') : `is "${text}"`;
      problems.push(`"${key}" ${shown}; expected ${keys[key].allowed}. Set it: ${command(key)}`);
    }
  }
  return raw as Raw;
}

function readRegistry({ registry, registryUsername, registryPassword }: Raw): Registry | undefined {
  if (registry === undefined) return undefined;
  if (registryUsername === undefined || registryPassword === undefined) return { path: registry };
  return {
    path: registry,
    login: { username: registryUsername, password: pulumi.secret(registryPassword) },
  };
}
