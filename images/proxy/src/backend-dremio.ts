/** The official Dremio MCP server as a child process, and the hop that gives its requests the login token. */
import { readCertificates } from '../../kit/src/certificates.ts';
import type { Backend, BackendOptions } from './backend.ts';
import type { DremioChoice } from './choice.ts';
import { ResultBudget } from './hop/budget.ts';
import { Dremio } from './hop/dremio.ts';
import { Exchange } from './hop/exchange.ts';
import { DremioHealth } from './hop/health.ts';
import { startHop } from './hop/hop.ts';
import { RefresherHint } from './hop/refresher.ts';
import { TokenSource } from './hop/token-source.ts';
import type { ProxyMetrics } from './metrics.ts';
import { launchDremioMcp } from './upstream/stdio/dremio-mcp.ts';
import { WATCH } from './upstream/stdio/life.ts';
import { StdioUpstream } from './upstream/stdio/stdio-upstream.ts';

/** How long a call waits for a server that is starting: as long as a start may take; clients wait 60 s and more. */
const START_PATIENCE_MS = WATCH.readyWithinMs;
const MIB = 1024 * 1024;

/** @throws NamedFileError when the file of authorities cannot be used */
export async function openDremioBackend(
  options: BackendOptions & {
    choice: DremioChoice;
    metrics: ProxyMetrics;
    /** True while a session has a stream open. */
    isConnected(session: string): boolean;
  },
): Promise<Backend> {
  await using started = new AsyncDisposableStack();
  const { settings, choice, metrics, isConnected, clientInfo, clock, log } = options;
  const tokens = new TokenSource(settings.tokenFile, clock, log);
  const refresher = new RefresherHint(settings.refresherUrl, clock, log);
  const { dremioCaFile } = settings;
  const authorities = dremioCaFile === undefined ? undefined : await readCertificates(dremioCaFile);
  const dremio = new Dremio(choice.url, authorities);
  started.defer(() => dremio.close());
  const health = new DremioHealth(dremio, tokens, refresher, clock);
  started.defer(() => health.stop());
  const hop = await startHop({
    exchange: new Exchange({
      dremio,
      tokens,
      refresher,
      health,
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
  const upstream = new StdioUpstream({
    launch: () =>
      launchDremioMcp({
        command: settings.childCommand,
        folder: settings.childFolder,
        serverMode: settings.serverMode,
        pollingInterval: settings.pollingInterval,
        allowDml: settings.allowDml,
        admit: hop.admit,
      }),
    clientInfo,
    messageLimit: settings.messageLimit,
    startPatienceMs: START_PATIENCE_MS,
    maxInFlight: settings.maxInFlight,
    count: settings.childCount,
    sharing: settings.childSharing,
    limits: {
      maxCalls: settings.childMaxCalls,
      maxAgeMs: settings.childMaxAge * 1000,
      maxMemory: settings.childMaxMemory * MIB,
    },
    retireMs: settings.callTimeout * 1000,
    idleMs: settings.childIdle * 1000,
    placeWaitMs: settings.queueWait * 1000,
    isConnected,
    clock,
    log,
    onStart: metrics.childStarted,
  });
  started.defer(() => upstream.stop());
  const parts = started.move();
  return {
    upstream,
    reasons: () => [...upstream.health(), ...health.reasons()],
    children: () => upstream.children(),
    tokenSecondsLeft: () => tokens.secondsLeft(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
