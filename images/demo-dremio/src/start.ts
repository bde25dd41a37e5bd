/** Puts the parts together: one stand-in, listening, with the handles that tests pull. */

import { sessionRoutes } from './access/session-routes.ts';
import { TokenStore } from './access/tokens.ts';
import { openTokensFile } from './access/tokens-file.ts';
import { type User, UserStore } from './access/users.ts';
import { Catalog } from './catalog/catalog.ts';
import { Collaboration } from './catalog/collaboration.ts';
import { enterpriseRoutes } from './catalog/enterprise-routes.ts';
import { catalogRoutes } from './catalog/routes.ts';
import { homeOf, sampleSource } from './catalog/sample.ts';
import { DEFAULT_TOKEN_LIFE_MS, systemRowsOf } from './catalog/system-rows.ts';
import { systemContainers } from './catalog/system-tables.ts';
import { FaultPlan } from './control/faults.ts';
import { type RequestEntry, RequestLog } from './control/request-log.ts';
import { controlRoutes } from './control/routes.ts';
import type { Engine } from './engine/engine.ts';
import { DEFAULT_ENGINE_LIMITS } from './engine/limits.ts';
import { html } from './http/answer.ts';
import { createDispatcher } from './http/dispatcher.ts';
import { Listener } from './http/listener.ts';
import type { Route } from './http/route.ts';
import { DEFAULT_JOB_LIMITS, type Job, JobStore } from './jobs/jobs.ts';
import { jobRoutes } from './jobs/routes.ts';
import { DEFAULT_VERSION, DEMO_USER, type DemoDremioOptions } from './options.ts';

const DEFAULT_SETTLE_MS = 100;
const DEFAULT_LOG_CAPACITY = 10_000;

/** Something that happened, for metrics and logs. */
export interface DemoEvents {
  request(entry: RequestEntry): void;
  login(success: boolean): void;
  job(job: Job): void;
}

/** A running stand-in. */
export interface DemoDremio {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Issued tokens: revoke, expire, count. */
  readonly tokens: TokenStore;
  readonly users: UserStore;
  /** Orders what the next requests get. */
  readonly faults: FaultPlan;
  /** Finished requests, and waiting for one. */
  readonly requests: RequestLog;
  /** Jobs that are still known, oldest first. */
  readonly jobs: readonly Job[];
  /** Sets how long later jobs take, in milliseconds. */
  setJobLatency(ms: number): void;
  /** Whether `GET /apiv2/server_status` answers 503 `"MASTER_DOWN"`. */
  setMasterDown(down: boolean): void;
  /** Refuses connections on the same port, as a server that is down; ends the open ones. */
  goOffline(): Promise<void>;
  /** Listens again; does nothing when it listens already. */
  goOnline(): Promise<void>;
  /** Whether connections are accepted: false while offline and before the start delay is over. */
  readonly isListening: boolean;
  /** Loads the SQL engine now instead of with the first query. */
  warm(): Promise<void>;
  /** Tells `listener` about every later event; returns a function that ends it. */
  observe(listener: Partial<DemoEvents>): () => void;
  /** Ends everything; safe to call twice. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const hostInUrl = (host: string): string => {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
};

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

/**
 * Starts a stand-in for Dremio.
 * @throws Error when the port is taken, a user is not acceptable or the file for tokens cannot be used.
 */
export async function start(options: DemoDremioOptions = {}): Promise<DemoDremio> {
  const now = options.now ?? Date.now;
  const host = options.host ?? '127.0.0.1';
  const version = options.version ?? DEFAULT_VERSION;
  const withData = options.data ?? true;
  const tokenLifeMs = options.tokenLifeMs ?? DEFAULT_TOKEN_LIFE_MS;
  const onError = options.onError ?? warn;
  const startedAt = now();
  const listeners = new Set<Partial<DemoEvents>>();
  const timing = { enqueuedMs: options.jobEnqueuedMs ?? 0, latencyMs: options.jobLatencyMs ?? 0 };
  let masterDown = false;

  const setJobLatency = (ms: number) => {
    timing.latencyMs = ms;
  };
  const setMasterDown = (down: boolean) => {
    masterDown = down;
  };

  const users = new UserStore(now);
  const { tokensFile } = options;
  const kept = tokensFile === undefined ? undefined : await openTokensFile(tokensFile);
  const tokens = new TokenStore(tokenLifeMs, now, kept);
  const faults = new FaultPlan();
  const requests = new RequestLog(options.logCapacity ?? DEFAULT_LOG_CAPACITY);
  const catalog = new Catalog();
  const collaboration = new Collaboration((id) => catalog.byId(id));
  const addHome = ({ userName }: User) => catalog.add(homeOf(userName, now(), withData));

  for (const fault of options.faults ?? []) faults.next(fault.on, fault.answer);
  for (const container of systemContainers(startedAt)) catalog.add(container);
  if (withData) catalog.add(sampleSource(startedAt));
  for (const user of options.users ?? [DEMO_USER]) addHome(users.add(user));

  let opened: Promise<Engine> | undefined;
  const engine = (): Promise<Engine> => {
    // The native library takes a moment and 30 MiB; a test of logins alone never loads it.
    opened ??= import('./engine/duckdb-engine.ts').then(({ openEngine }) =>
      openEngine({
        catalog,
        systemRows: systemRowsOf({
          catalog,
          version,
          startedAt,
          tokenLifeMs,
          jobs: () => jobs.all,
        }),
        strictKeywords: options.strictKeywords ?? false,
        limits: { ...DEFAULT_ENGINE_LIMITS, ...options.engineLimits },
      }),
    );
    return opened;
  };
  const jobs: JobStore = new JobStore({
    engine,
    now,
    limits: { ...DEFAULT_JOB_LIMITS, ...options.jobLimits },
    timing,
    onEnd: (job) => {
      for (const listener of listeners) listener.job?.(job);
    },
    onError,
  });

  const routes: Route[] = [
    {
      method: 'GET',
      path: '/',
      access: 'open',
      handle: () =>
        html(200, '<!doctype html><title>Demo Dremio</title><p>A stand-in, not Dremio.'),
    },
    ...sessionRoutes({
      users,
      tokens,
      version,
      now,
      masterDown: () => masterDown,
      onLogin: (success) => {
        for (const listener of listeners) listener.login?.(success);
      },
      onFirstUser: addHome,
    }),
    ...jobRoutes({ jobs, settleMs: () => options.settleMs ?? DEFAULT_SETTLE_MS }),
    ...catalogRoutes({ catalog, collaboration }),
    ...(options.edition === 'enterprise' ? enterpriseRoutes({ catalog, collaboration }) : []),
    ...(options.control
      ? controlRoutes({ tokens, faults, requests, setJobLatency, setMasterDown })
      : []),
  ];
  const listener = new Listener({
    host,
    port: options.port ?? 0,
    tls: options.tls,
    handle: createDispatcher({
      routes,
      users,
      tokens,
      faults,
      now,
      onRequest: (entry) => {
        requests.add(entry);
        for (const observer of listeners) observer.request?.(entry);
      },
      onError,
    }),
  });
  await listener.open();
  let delayed: NodeJS.Timeout | undefined;
  if (options.startDelayMs) {
    // The port has to be known to whoever waits for it, so it is taken first and then left.
    await listener.close();
    delayed = setTimeout(() => void listener.open().catch(onError), options.startDelayMs);
  }

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      clearTimeout(delayed);
      await listener.close();
      await jobs.close();
      await opened?.then(
        (open) => open.close(),
        () => undefined,
      );
    })();
    return closing;
  };
  return {
    url: `${options.tls ? 'https' : 'http'}://${hostInUrl(host)}:${listener.port}`,
    port: listener.port,
    tokens,
    users,
    faults,
    requests,
    get jobs() {
      return jobs.all;
    },
    setJobLatency,
    setMasterDown,
    goOffline: () => listener.close(),
    goOnline: () => listener.open(),
    get isListening() {
      return listener.isListening;
    },
    warm: async () => {
      await engine();
    },
    observe: (added) => {
      listeners.add(added);
      return () => {
        listeners.delete(added);
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
