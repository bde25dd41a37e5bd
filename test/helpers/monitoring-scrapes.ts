/** What a scrape of each service has. test/system holds it against services that run. */
import type { Registry } from 'prom-client';
import { createRegistry } from '../../images/kit/src/metrics.ts';
import type { CutReason } from '../../images/proxy/src/front/outflow.ts';
import type { LimitName } from '../../images/proxy/src/limits/places.ts';
import { proxyMetrics } from '../../images/proxy/src/metrics.ts';
import type { Denial } from '../../images/proxy/src/policy/rules.ts';
import { upstreamMetrics } from '../../images/proxy/src/upstream/http/metrics.ts';
import type { StartReason } from '../../images/proxy/src/upstream/stdio/supervisor.ts';
import type { Outcome } from '../../images/proxy/src/upstream/upstream.ts';
import { initialState } from '../../images/refresher/src/core/state.ts';
import { createMetrics } from '../../images/refresher/src/metrics.ts';

/** Each metric by name, with its type, and its labels with the values they take. */
export type Scrape = ReadonlyMap<string, { type: string; labels: Map<string, Set<string>> }>;

async function read(registry: Registry): Promise<Scrape> {
  return new Map(
    (await registry.getMetricsAsJSON()).map(({ name, type, values }) => {
      const labels = new Map<string, Set<string>>();
      for (const { labels: pairs } of values)
        for (const [label, value] of Object.entries(pairs))
          if (label !== 'le')
            labels.set(label, (labels.get(label) ?? new Set()).add(String(value)));
      return [name, { type: String(type), labels }];
    }),
  );
}

export function scrapeOfRefresher(): Promise<Scrape> {
  const registry = createRegistry({ service: 'refresher', version: '0.0.0' });
  createMetrics(
    registry,
    () => initialState,
    () => 0,
  );
  return read(registry);
}

/** Every value of a type; the compiler sees to it that none is missing. */
const every = <T extends string>(values: Record<T, true>) => Object.keys(values) as T[];

const OUTCOMES = every<Outcome>({
  ok: true,
  tool_error: true,
  error: true,
  timeout: true,
  cancelled: true,
  too_large: true,
  child_died: true,
  upstream_lost: true,
  unavailable: true,
  refused: true,
  denied: true,
});
const LIMITS = every<LimitName>({ key: true, session: true, queue: true, queue_wait: true });
const STARTS = every<StartReason>({
  first: true,
  recycled: true,
  exited: true,
  killed: true,
  out_of_memory: true,
  hung: true,
  abandoned: true,
  not_ready: true,
  spawn_failed: true,
});
const CUTS = every<CutReason>({ stalled: true, unread: true, total: true });
const RULES = every<Denial['rule']>({ deny: true, allow: true, read_only: true });

/** With something of everything that can happen to it, before either kind of server. */
export function scrapeOfProxy(): Promise<Scrape> {
  const registry = createRegistry({ service: 'proxy', version: '0.0.0' });
  const metrics = proxyMetrics(registry, {
    callsInFlight: () => 1,
    queueLength: () => 0,
    inFlightByKey: () => new Map([['default', 1]]),
    sessions: () => 1,
    keptBytes: () => 0,
    children: () => ({ alive: 1, rss: 1, breakersOpen: 0 }),
    toolsDigest: () => 'sha256:0',
    tokenSecondsLeft: () => 1,
    ready: () => true,
  });
  for (const outcome of OUTCOMES)
    metrics.ended({ method: 'tools/call', tool: 'RunSqlQuery', outcome, seconds: 1 });
  for (const limit of LIMITS) metrics.refused(limit);
  for (const reason of STARTS) metrics.childStarted(reason);
  for (const reason of CUTS) metrics.clientCut(reason);
  for (const rule of RULES) metrics.denied('RunSqlQuery', rule);
  metrics.waited(1);
  metrics.answerIgnored();
  for (const status of [200, 401, 502]) {
    metrics.hopAnswered('/api/v3/sql', status, 1);
    metrics.httpAnswered(status);
  }
  upstreamMetrics(registry)('tools/call', '200', 1);
  return read(registry);
}

/**
 * Of Caddy 2.10.2 as the edge, after calls that went well and calls that failed
 * (caddyserver/caddy:{context.go,modules/caddyhttp/metrics.go}).
 */
export function scrapeOfEdge(): Promise<Scrape> {
  const labels = (values: Record<string, readonly string[]>) =>
    new Map(Object.entries(values).map(([label, some]) => [label, new Set(some)]));
  const handled = { server: ['srv0', 'srv1', 'srv2'], handler: ['subroute'] };
  const answered = {
    ...handled,
    code: ['200', '401', '502', '503', '504'],
    method: ['GET', 'POST'],
  };
  const none = labels({});
  return Promise.resolve(
    new Map([
      ['caddy_config_last_reload_successful', { type: 'gauge', labels: none }],
      ['caddy_config_last_reload_success_timestamp_seconds', { type: 'gauge', labels: none }],
      ['caddy_http_requests_in_flight', { type: 'gauge', labels: labels(handled) }],
      ['caddy_http_requests_total', { type: 'counter', labels: labels(handled) }],
      ['caddy_http_request_errors_total', { type: 'counter', labels: labels(handled) }],
      ['caddy_http_request_duration_seconds', { type: 'histogram', labels: labels(answered) }],
      ['caddy_http_response_duration_seconds', { type: 'histogram', labels: labels(answered) }],
      ['caddy_http_request_size_bytes', { type: 'histogram', labels: labels(answered) }],
      ['caddy_http_response_size_bytes', { type: 'histogram', labels: labels(answered) }],
      ...[
        'process_start_time_seconds',
        'process_resident_memory_bytes',
        'process_open_fds',
        'process_max_fds',
      ].map((name): [string, { type: string; labels: typeof none }] => [
        name,
        { type: 'gauge', labels: none },
      ]),
      ['process_cpu_seconds_total', { type: 'counter', labels: none }],
    ]),
  );
}

/** Of the blackbox exporter: prometheus/blackbox_exporter:prober/tcp.go and main.go. */
export const scrapeOfCertificates: Scrape = new Map([
  ['probe_success', { type: 'gauge', labels: new Map() }],
  ['probe_ssl_earliest_cert_expiry', { type: 'gauge', labels: new Map() }],
]);

/** The metric that a series belongs to: that of a histogram has three kinds of series. */
export function metricOf(scrape: Scrape, series: string) {
  const whole = series.replace(/_(bucket|count|sum)$/, '');
  const histogram = scrape.get(whole);
  return histogram?.type === 'histogram' ? histogram : scrape.get(series);
}
