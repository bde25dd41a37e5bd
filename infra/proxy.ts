/** What the proxy is told of the config, and what it needs for that. */
import type { Children, Config } from './config.ts';

/**
 * The proxy alone, in MiB: 110 measured at work, and what its own limits let wait for clients: 64 unread, 32 to
 * resume (UNREAD_LIMIT and RESUME_LIMIT in docs/settings.md), and one answer of 32 on its way.
 */
const PROXY_MIB = 256;
/**
 * One child, in MiB: dremio-mcp takes 125 after its start, 152 after results of 1.8 MB; results at the limit of 8 MiB
 * bring it to 348, four of them at once to 394, for which the room of the two others is there.
 */
const CHILD_MIB = 160;
/** A successor starts before its predecessor ends, and one that was given up may still be ending. */
const SPARE_CHILDREN = 2;

/** Memory limit of the proxy's container, in MiB. A child that may grow more before it is replaced has room for it. */
export const proxyMemoryMiB = ({
  count,
  maxMemoryMiB,
}: Pick<Children, 'count' | 'maxMemoryMiB'>): number =>
  PROXY_MIB + (count + SPARE_CHILDREN) * Math.max(CHILD_MIB, maxMemoryMiB);

/**
 * The proxy's files and connections: 4,096 clients at most, two ends for each of at most 4,096 requests between a
 * child and Dremio, and its own. An engine that may open fewer refuses to start the container.
 */
export const PROXY_DESCRIPTORS = 16_384;

/** How long a proxy of several goes on accepting after it was told to stop: until no name leads to it any more. */
export const STOP_DELAY_SECONDS = 5;

/** Whoever is not on a network of the stack cannot be its peer, and those are of private addresses. */
const EDGE_ADDRESSES = '10.0.0.0/8,172.16.0.0/12,192.168.0.0/16';

/** Settings of the proxy that stand in the config, by variable (docs/settings.md). */
export function proxyEnvironment(config: Config): Record<string, string> {
  const { children, limits, production, tools } = config;
  const hosts = production ? [production.domain, new URL(production.publicUrl).hostname] : [];
  const values: Record<string, string | number | boolean> = {
    ALLOWED_HOSTS: [...new Set([...hosts, ...config.allowedHosts])].join(','),
    ALLOWED_ORIGINS: config.allowedOrigins.join(','),
    SERVER_MODE: config.serverMode.join(','),
    POLLING_INTERVAL: config.pollingIntervalSeconds,
    ALLOW_DML: config.allowDml,
    TOOLS_ALLOW: tools.allow.join(','),
    TOOLS_DENY: tools.deny.join(','),
    TOOLS_READ_ONLY: tools.readOnly,
    AUDIT_SQL: config.auditSql,
    CALL_TIMEOUT: limits.callTimeout,
    CLIENT_ANSWER_TIMEOUT: limits.clientAnswerTimeout,
    MAX_IN_FLIGHT: limits.inFlight,
    MAX_IN_FLIGHT_PER_KEY: limits.inFlightPerKey,
    MAX_IN_FLIGHT_PER_SESSION: limits.inFlightPerSession,
    QUEUE_LENGTH: limits.queueLength,
    QUEUE_WAIT: limits.queueWait,
    CHILD_COUNT: children.count,
    CHILD_SHARING: children.sharing,
    CHILD_MAX_CALLS: children.maxCalls,
    CHILD_MAX_AGE: children.maxAgeSeconds,
    CHILD_MAX_MEMORY: children.maxMemoryMiB,
    CHILD_IDLE: children.idleSeconds,
    ...(production ? { STOP_DELAY: STOP_DELAY_SECONDS, TRUSTED_PROXIES: EDGE_ADDRESSES } : {}),
  };
  return Object.fromEntries(
    Object.entries(values).map(([variable, value]) => [variable, String(value)]),
  );
}
