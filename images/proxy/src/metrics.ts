/** What can be seen of the proxy in Prometheus' format. Every label has a bounded set of values. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CallObserver } from './calls.ts';
import { FORWARDED, PERSONAL } from './upstream/methods.ts';
import type { ChildrenReading } from './upstream/stdio/stdio-upstream.ts';

/** Buckets for times of requests, in seconds. */
export const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** Values that are looked up at each scrape. */
export interface Readings {
  callsInFlight(): number;
  /** Requests that wait for a place at the server. */
  queueLength(): number;
  /** Requests of each key that run or wait. */
  inFlightByKey(): ReadonlyMap<string, number>;
  sessions(): number;
  /** Bytes kept for clients that may come back to a stream. */
  keptBytes(): number;
  children(): ChildrenReading;
  /** Digest of all tools that the server offers; undefined while it is not known. */
  toolsDigest(): string | undefined;
  /** Seconds until the token ends; 0 without a valid one, undefined where there is no token at all. */
  tokenSecondsLeft(): number | undefined;
  ready(): boolean;
}

export interface ProxyMetrics extends CallObserver {
  childStarted(reason: string): void;
  hopAnswered(pattern: string, status: number, seconds: number): void;
  httpAnswered(status: number): void;
  clientCut(reason: string): void;
  /** A client answered what nobody had asked it, or twice, or too late. */
  answerIgnored(): void;
}

export function proxyMetrics(registry: Registry, readings: Readings): ProxyMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  gauge('lakehouse_proxy_calls_in_flight', 'MCP requests that wait for the server.', () =>
    readings.callsInFlight(),
  );
  gauge('lakehouse_proxy_queue_length', 'MCP requests that wait for a place at the server.', () =>
    readings.queueLength(),
  );
  // Keys are named in a file of the operator's, so their names are bounded.
  new Gauge({
    name: 'lakehouse_proxy_key_calls_in_flight',
    help: 'MCP requests of a key that run or wait.',
    labelNames: ['key'],
    registers,
    collect() {
      this.reset();
      for (const [key, count] of readings.inFlightByKey()) this.set({ key }, count);
    },
  });
  gauge('lakehouse_proxy_sessions', 'Sessions used within the last half hour.', () =>
    readings.sessions(),
  );
  gauge(
    'lakehouse_proxy_children',
    'Processes of the MCP server that live.',
    () => readings.children().alive,
  );
  gauge(
    'lakehouse_proxy_children_rss_bytes',
    'Resident memory of the MCP server.',
    () => readings.children().rss,
  );
  gauge(
    'lakehouse_proxy_child_breakers_open',
    'Places of the MCP server at which it ended again and again, so that it is started only every 30 s.',
    () => readings.children().breakersOpen,
  );
  new Gauge({
    name: 'lakehouse_proxy_tools_info',
    help: 'Always 1; the digest is of the tools that the MCP server offers, before any rule.',
    labelNames: ['digest'],
    registers,
    collect() {
      this.reset();
      const digest = readings.toolsDigest();
      if (digest !== undefined) this.set({ digest }, 1);
    },
  });
  gauge('lakehouse_proxy_kept_bytes', 'Bytes kept for clients that may come back.', () =>
    readings.keptBytes(),
  );
  gauge('lakehouse_proxy_token_seconds_left', 'Life left of the Dremio token.', () =>
    readings.tokenSecondsLeft(),
  );
  gauge('lakehouse_proxy_ready', '1 when a call would succeed now.', () =>
    readings.ready() ? 1 : 0,
  );
  const calls = new Counter({
    name: 'lakehouse_proxy_calls_total',
    help: 'MCP requests to the server, by how they ended.',
    labelNames: ['method', 'tool', 'outcome'],
    registers,
  });
  const callSeconds = new Histogram({
    name: 'lakehouse_proxy_call_seconds',
    help: 'Time from an MCP request to its answer.',
    labelNames: ['method'],
    buckets: SECONDS,
    registers,
  });
  const queueSeconds = new Histogram({
    name: 'lakehouse_proxy_queue_seconds',
    help: 'Time that an MCP request waited for a place at the server, of those that had to wait.',
    buckets: SECONDS,
    registers,
  });
  const refused = new Counter({
    name: 'lakehouse_proxy_refused_total',
    help: 'MCP requests refused for a limit.',
    labelNames: ['limit'],
    registers,
  });
  const denied = new Counter({
    name: 'lakehouse_proxy_denied_total',
    help: 'Calls of tools that a rule denied.',
    labelNames: ['tool', 'rule'],
    registers,
  });
  const starts = new Counter({
    name: 'lakehouse_proxy_child_starts_total',
    help: 'Starts of the MCP server, by why it was started.',
    labelNames: ['reason'],
    registers,
  });
  const hop = new Counter({
    name: 'lakehouse_proxy_hop_requests_total',
    help: 'Requests of the MCP server to Dremio, by path pattern and status.',
    labelNames: ['pattern', 'status'],
    registers,
  });
  const hopSeconds = new Histogram({
    name: 'lakehouse_proxy_hop_seconds',
    help: 'Time from a request of the MCP server to the answer of Dremio.',
    labelNames: ['pattern'],
    buckets: SECONDS,
    registers,
  });
  const http = new Counter({
    name: 'lakehouse_proxy_http_responses_total',
    help: 'Answers of the MCP endpoint, by HTTP status.',
    labelNames: ['status'],
    registers,
  });
  const cut = new Counter({
    name: 'lakehouse_proxy_clients_cut_total',
    help: 'Connections cut because the client did not read, by which limit it met.',
    labelNames: ['reason'],
    registers,
  });
  const ignored = new Counter({
    name: 'lakehouse_proxy_client_answers_ignored_total',
    help: 'Answers of clients that nobody waited for.',
    registers,
  });
  // A label for each method that is served: what clients make up must not grow the series.
  const label = (method: string) =>
    FORWARDED.has(method) || PERSONAL.has(method) ? method : 'other';
  return {
    ended: ({ method, tool, outcome, seconds }) => {
      calls.inc({ method: label(method), tool, outcome });
      callSeconds.observe({ method: label(method) }, seconds);
    },
    waited: (seconds) => queueSeconds.observe(seconds),
    refused: (limit) => refused.inc({ limit }),
    denied: (tool, rule) => denied.inc({ tool, rule }),
    answerIgnored: () => ignored.inc(),
    childStarted: (reason) => starts.inc({ reason }),
    hopAnswered: (pattern, status, seconds) => {
      hop.inc({ pattern, status });
      hopSeconds.observe({ pattern }, seconds);
    },
    httpAnswered: (status) => http.inc({ status }),
    clientCut: (reason) => cut.inc({ reason }),
  };
}
