/** Puts the proxy together from its settings, and takes it apart in order. */
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../../kit/src/clock.ts';
import type { Logger } from '../../kit/src/logger.ts';
import { createRegistry } from '../../kit/src/metrics.ts';
import { type Reason, sendJson, startOperations } from '../../kit/src/operations.ts';
import type { Running } from '../../kit/src/service.ts';
import packageInfo from '../package.json' with { type: 'json' };
import type { Backend } from './backend.ts';
import { openDremioBackend } from './backend-dremio.ts';
import { openHttpBackend } from './backend-http.ts';
import { chooseUpstream } from './choice.ts';
import { type Desk, openDesk } from './desk.ts';
import { ClientAsks } from './era/asks.ts';
import { LegacyEra } from './era/legacy.ts';
import { openSigner } from './era/open-signer.ts';
import { Sessions } from './era/sessions.ts';
import { clientFinder } from './front/client-address.ts';
import { hostTest, originTest } from './front/hosts.ts';
import { KeyRing } from './front/keys.ts';
import { startFront } from './front/server.ts';
import { Streams } from './front/streams.ts';
import { proxyMetrics } from './metrics.ts';
import type { ProxySettings } from './settings.ts';
import { statusOf } from './status.ts';
import { upstreamMetrics } from './upstream/http/metrics.ts';
import { catalogueDigest, type ToolDigests } from './upstream/tool-digests.ts';

export const SERVICE = 'proxy';
const { version } = packageInfo;

const HANDSHAKE_PATIENCE_MS = 25_000;

export interface RunningProxy extends Running {
  /** Port of the MCP endpoint. */
  readonly port: number;
  readonly operationsPort: number;
}

/**
 * @throws SettingsError when what the chosen upstream needs is missing
 * @throws NamedFileError when a file cannot be used that `inspectFiles` would have found wrong
 */
export async function startProxy(
  settings: ProxySettings,
  log: Logger,
  clock: Clock = systemClock,
): Promise<RunningProxy> {
  // What was started is ended in the opposite order, after a failed start too.
  await using started = new AsyncDisposableStack();
  const choice = chooseUpstream(settings);
  const allowsHost = hostTest(settings.allowedHosts);
  const allowsOrigin = originTest(settings.allowedOrigins);
  const stopped = new AbortController();
  started.defer(() => stopped.abort());
  const signer = await openSigner({
    path: settings.sessionSecretFile,
    clock,
    log,
    signal: stopped.signal,
  });
  const keys = await KeyRing.open(settings.keysFile, clock, log);
  started.defer(() => keys.close());
  let draining = false;
  let backend: Backend | undefined;
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
    ...(backend?.reasons() ?? []),
  ];
  const tools = (): ToolDigests => backend?.upstream.tools() ?? new Map();
  const registry = createRegistry({ service: SERVICE, version });
  const metrics = proxyMetrics(registry, {
    callsInFlight: () => desk?.calls.inFlight ?? 0,
    queueLength: () => desk?.admission.waiting ?? 0,
    inFlightByKey: () => desk?.admission.byKey ?? new Map(),
    sessions: () => sessions.count(clock.now()),
    keptBytes: () => streams.bytes,
    children: () => backend?.children() ?? { alive: 0, rss: 0, breakersOpen: 0 },
    toolsDigest: () => catalogueDigest(tools()),
    tokenSecondsLeft: () => backend?.tokenSecondsLeft(),
    ready: () => ready().length === 0,
  });
  const operations = await startOperations({
    port: settings.operationsPort,
    live: () => [],
    ready,
    registry,
    routes: { '/status': (_, response) => sendJson(response, 200, statusOf(tools())) },
    log,
  });
  started.defer(() => operations.close());

  const parts = { settings, clientInfo: { name: 'lakehouse-mcp', version }, clock, log };
  const isConnected = (session: string) => streams.listens(session);
  backend =
    choice.kind === 'http'
      ? await openHttpBackend({ ...parts, choice, onAnswer: upstreamMetrics(registry) })
      : await openDremioBackend({ ...parts, choice, metrics, isConnected });
  started.use(backend);
  const { upstream } = backend;
  desk = openDesk({ settings, keys, upstream, observer: metrics, clock, log });
  const { calls } = desk;
  const era = new LegacyEra({
    calls,
    upstream,
    signer,
    sessions,
    streams,
    sessionLife: settings.sessionLife,
    handshakePatienceMs: HANDSHAKE_PATIENCE_MS,
    asks: new ClientAsks({
      timeoutMs: settings.clientAnswerTimeout * 1000,
      clock,
      onIgnored: metrics.answerIgnored,
    }),
    now: () => clock.now(),
  });
  const front = await startFront({
    port: settings.port,
    guard: { allowsHost, allowsOrigin, keys },
    clientOf: clientFinder(settings.trustedProxies),
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

  const all = started.move();
  return {
    port: front.port,
    operationsPort: operations.port,
    stop: async () => {
      draining = true;
      if (settings.stopDelay > 0) {
        front.closeAfterAnswers();
        log.info('still_serving', { seconds: settings.stopDelay });
        await clock.sleep(settings.stopDelay * 1000);
      }
      front.drain();
      const idle = new AbortController();
      void calls.drained().then(() => idle.abort());
      await clock.sleep(settings.drainTimeout * 1000, idle.signal);
      if (calls.inFlight > 0) log.warn('drain_incomplete', { calls: calls.inFlight });
      calls.giveUp('this proxy is being stopped, and the time for calls under way is over');
      // What was answered now is still to be written.
      await setImmediate();
      await all.disposeAsync();
    },
  };
}
