/** What can be seen of a remote server in Prometheus' format. Every label has a bounded set of values. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { SECONDS } from '../../metrics.ts';
import { FORWARDED } from '../methods.ts';

/** What the proxy sends on its own account, and GET and DELETE by what they are for. */
const OWN: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'notifications/initialized',
  'notifications/cancelled',
  'answer',
  'stream',
  'resume',
  'end',
]);

/** Counts requests by method and status; takes each when its answer begins. */
export function upstreamMetrics(registry: Registry) {
  const registers = [registry];
  const requests = new Counter({
    name: 'lakehouse_proxy_upstream_requests_total',
    help: 'HTTP requests to the remote MCP server, by MCP method and HTTP status.',
    labelNames: ['method', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'lakehouse_proxy_upstream_seconds',
    help: 'Time from a request to the remote MCP server to the beginning of its answer.',
    labelNames: ['method'],
    buckets: SECONDS,
    registers,
  });
  return (label: string, status: string, taken: number): void => {
    const method = FORWARDED.has(label) || OWN.has(label) ? label : 'other';
    requests.inc({ method, status });
    seconds.observe({ method }, taken);
  };
}
