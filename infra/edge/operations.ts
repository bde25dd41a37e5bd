/** The operations port of the edge, as the services have it (images/kit/src/operations.ts). Never published. */
import { addresses, ownRequest } from './proxies.ts';
import { block, type Lines } from './text.ts';

/** How many proxies are asked until one is ready. */
const PROXIES_ASKED = 3;

const json = (status: number, body: object): Lines => [
  'header Content-Type application/json',
  'header Cache-Control no-store',
  `respond \`${JSON.stringify(body)}\` ${status}`,
];

const NO_PROXY_READY = {
  status: 'unavailable',
  reasons: [
    { code: 'no_proxy_ready', message: 'no proxy is ready; /readyz of the proxies says why' },
  ],
};

/**
 * Asks one proxy whether it is ready, and, if not, another. That one is passed over for the 100 ms in which the next
 * is chosen; a call that would go to it in this time goes to another one, or, where there is none, waits for a moment.
 */
const ready = (name: string, asked = 1): Lines =>
  block(
    'reverse_proxy',
    ...addresses(name),
    ...ownRequest('/readyz'),
    'lb_policy round_robin',
    'lb_retries 1',
    'max_fails 1',
    'fail_duration 100ms',
    'unhealthy_status 503',
    ...block('transport http', 'dial_timeout 1s', 'response_header_timeout 1s', 'keepalive 4s'),
    '@unready status 503',
    ...block(
      'handle_response @unready',
      ...(asked < PROXIES_ASKED ? ready(name, asked + 1) : json(503, NO_PROXY_READY)),
    ),
  );

/** Caddy serves as soon as it listens, so it has started when it is alive. */
export const operations = (upstreamName: string): Lines => [
  '@alive path /livez /startupz',
  ...block('handle @alive', ...json(200, { status: 'ok', reasons: [] })),
  ...block('handle /readyz', ...ready(upstreamName)),
  ...block('handle /metrics', 'metrics'),
  ...block(
    'handle',
    ...json(404, { status: 'not_found', paths: ['/livez', '/readyz', '/startupz', '/metrics'] }),
  ),
  ...block('handle_errors', ...json(503, NO_PROXY_READY)),
];
