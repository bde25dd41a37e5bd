/** Puts the proxy together from its settings, and takes it apart in order. */
import { randomBytes } from 'node:crypto';
import { readCertificates } from '../../kit/src/certificates.ts';
import { type Clock, systemClock } from '../../kit/src/clock.ts';
import type { Logger } from '../../kit/src/logger.ts';
import { createRegistry } from '../../kit/src/metrics.ts';
import { type Reason, startOperations } from '../../kit/src/operations.ts';
import type { Running } from '../../kit/src/service.ts';
import packageInfo from '../package.json' with { type: 'json' };
import { type Desk, openDesk } from './desk.ts';
import { LegacyEra } from './era/legacy.ts';
import { readSessionSecret, SessionSigner } from './era/session-id.ts';
import { Sessions } from './era/sessions.ts';
import { hostTest, originTest } from './front/hosts.ts';
import { KeyRing } from './front/keys.ts';
import { startFront } from './front/server.ts';
import { Streams } from './front/streams.ts';
import { ResultBudget } from './hop/budget.ts';
import { Dremio } from './hop/dremio.ts';
import { Exchange } from './hop/exchange.ts';
import { DremioHealth } from './hop/health.ts';
import { startHop } from './hop/hop.ts';
import { RefresherHint } from './hop/refresher.ts';
import { TokenSource } from './hop/token-source.ts';
import { proxyMetrics } from './metrics.ts';
import type { ProxySettings } from './settings.ts';
import { launchDremioMcp } from './upstream/stdio/dremio-mcp.ts';
import { StdioUpstream } from './upstream/stdio/stdio-upstream.ts';

export const SERVICE = 'proxy';
const { version } = packageInfo;

/** How long a call waits for a server that is starting: longer than a usual start, shorter than a client's patience. */
const START_PATIENCE_MS = 15_000;
const HANDSHAKE_PATIENCE_MS = 25_000;
const MAX_IN_FLIGHT = 512;
const MIB = 1024 * 1024;

export interface RunningProxy extends Running {
  /** Port of the MCP endpoint. */
  readonly port: number;
  readonly operationsPort: number;
}

async function sessionSecret(path: string | undefined, log: Logger): Promise<string> {
  if (path === undefined) {
    log.info('session_secret_made', { note: 'sessions end with this process' });
    return randomBytes(32).toString('base64url');
  }
  const secret = await readSessionSecret(path);
  log.protect(secret);
  return secret;
}

/** @throws NamedFileError when a file cannot be used that `inspectFiles` would have found wrong */
export async function startProxy(
  settings: ProxySettings,
  log: Logger,
  clock: Clock = systemClock,
): Promise<RunningProxy> {
  // What was started is ended in the opposite order, after a failed start too.
  await using started = new AsyncDisposableStack();
  const allowsHost = hostTest(settings.allowedHosts);
  const allowsOrigin = originTest(settings.allowedOrigins);
  const signer = new SessionSigner(await sessionSecret(settings.sessionSecretFile, log));
  const keys = await KeyRing.open(settings.keysFile, clock, log);
  started.defer(() => keys.close());
  const tokens = new TokenSource(settings.tokenFile, clock, log);
  const refresher = new RefresherHint(settings.refresherUrl, clock, log);
  const { dremioUrl, dremioCaFile } = settings;
  const authorities = dremioCaFile === undefined ? undefined : await readCertificates(dremioCaFile);
  const dremio = new Dremio(dremioUrl, authorities);
  started.defer(() => dremio.close());
  const dremioHealth = new DremioHealth(dremio, tokens, refresher, clock);
  started.defer(() => dremioHealth.stop());

  let draining = false;
  let upstream: StdioUpstream | undefined;
  let desk: Desk | undefined;
  const sessions = new Sessions();
  const streams = new Streams(
    {
      sessionEvents: settings.resumeEvents,
      sessionBytes: settings.resumeSessionLimit,
      totalBytes: settings.resumeLimit,
      keepMs: settings.resumeTime * 1000,
    },
    () => clock.now(),
  );
  const ready = (): readonly Reason[] => [
    ...(draining ? [{ code: 'draining', message: 'this proxy is being stopped' }] : []),
    ...(upstream?.health() ?? []),
    ...dremioHealth.reasons(),
  ];
  const registry = createRegistry({ service: SERVICE, version });
  const metrics = proxyMetrics(registry, {
    callsInFlight: () => desk?.calls.inFlight ?? 0,
    queueLength: () => desk?.admission.waiting ?? 0,
    inFlightByKey: () => desk?.admission.byKey ?? new Map(),
    sessions: () => sessions.count(clock.now()),
    keptBytes: () => streams.bytes,
    children: () => upstream?.children() ?? { alive: 0, rss: 0 },
    tokenSecondsLeft: () => tokens.secondsLeft(),
    ready: () => ready().length === 0,
  });
  const operations = await startOperations({
    port: settings.operationsPort,
    live: () => [],
    ready,
    registry,
    log,
  });
  started.defer(() => operations.close());

  const hop = await startHop({
    exchange: new Exchange({
      dremio,
      tokens,
      refresher,
      health: dremioHealth,
      budget: new ResultBudget(settings.resultLimit),
      clock,
      log,
      tokenWaitMs: settings.tokenWait * 1000,
      timeoutMs: settings.callTimeout * 1000,
    }),
    log,
    onAnswer: metrics.hopAnswered,
  });
  started.defer(() => hop.close());
  const server = new StdioUpstream({
    launch: () =>
      launchDremioMcp({
        command: settings.childCommand,
        folder: settings.childFolder,
        serverMode: settings.serverMode,
        pollingInterval: settings.pollingInterval,
        allowDml: settings.allowDml,
        admit: hop.admit,
      }),
    clientInfo: { name: 'lakehouse-mcp', version },
    messageLimit: settings.messageLimit,
    startPatienceMs: START_PATIENCE_MS,
    maxInFlight: MAX_IN_FLIGHT,
    count: settings.childCount,
    sharing: settings.childSharing,
    limits: {
      maxCalls: settings.childMaxCalls,
      maxAgeMs: settings.childMaxAge * 1000,
      maxMemory: settings.childMaxMemory * MIB,
    },
    retireMs: settings.callTimeout * 1000,
    idleMs: settings.childIdle * 1000,
    isConnected: (session) => streams.listens(session),
    clock,
    log,
    onStart: metrics.childStarted,
  });
  started.defer(() => server.stop());
  upstream = server;
  desk = openDesk({ settings, keys, upstream: server, observer: metrics, clock, log });
  const { calls } = desk;
  const era = new LegacyEra({
    calls,
    upstream: server,
    signer,
    sessions,
    streams,
    sessionLife: settings.sessionLife,
    handshakePatienceMs: HANDSHAKE_PATIENCE_MS,
    now: () => clock.now(),
  });
  const front = await startFront({
    port: settings.port,
    guard: { allowsHost, allowsOrigin, keys },
    era,
    bodyLimit: settings.bodyLimit,
    outflow: {
      stallMs: settings.clientPatience * 1000,
      connectionBytes: settings.clientUnreadLimit,
      totalBytes: settings.unreadLimit,
      onCut: metrics.clientCut,
    },
    log,
    onAnswer: metrics.httpAnswered,
  });
  started.defer(() => front.close());
  started.defer(keys.onRemove((key) => front.cut(key)));
  started.defer(() => era.close());
  log.info('listening', { port: front.port, operations_port: operations.port });

  const parts = started.move();
  return {
    port: front.port,
    operationsPort: operations.port,
    stop: async () => {
      draining = true;
      front.drain();
      const idle = new AbortController();
      void calls.drained().then(() => idle.abort());
      await clock.sleep(settings.drainTimeout * 1000, idle.signal);
      if (calls.inFlight > 0) log.warn('drain_incomplete', { calls: calls.inFlight });
      await parts.disposeAsync();
    },
  };
}
