/**
 * The way from the edge to a proxy. Facts about Caddy 2.10.2, caddyserver/caddy:modules/caddyhttp/reverseproxy:
 *
 * - It retries what failed while dialling; after that, GET alone (reverseproxy.go, `tryAgain`). A POST that failed to
 *   dial cannot be sent again either: the transport has closed its body by then (net/http, `Transport.RoundTrip`).
 * - A proxy that hangs, or whose machine is paused, still takes connections: the kernel does that.
 * - Addresses from DNS have no active health checks (`Handler.DynamicUpstreams`).
 *
 * So each call is preceded by a look: a GET of /livez at the proxy that is to have the call. It is tried again
 * elsewhere until a proxy answers, and that proxy is sent the call, once.
 */
import { OPERATIONS_PORT } from './ports.ts';
import { block, type Lines } from './text.ts';

export interface Proxies {
  /** A name with an address for each proxy. */
  readonly name: string;
  /** Where they serve MCP. */
  readonly port: number;
  /** Longest time in seconds until a proxy begins to answer a call. */
  readonly patience: number;
}

/** Addresses of the operations ports. Asked anew after a second, so that a proxy that goes is soon not chosen. */
export const addresses = (name: string): Lines =>
  block(`dynamic a ${name} ${OPERATIONS_PORT}`, 'refresh 1s', 'versions ipv4');

/** A request of the edge's own: nothing of the client's goes along. */
export const ownRequest = (path: string): Lines => [
  'method GET',
  `rewrite ${path}?`,
  'header_up -*',
];

/** Sends a request to the proxy of its session, or, without one, to each in turn. */
export const toProxy = ({ name, port, patience }: Proxies): Lines =>
  block(
    'reverse_proxy',
    ...addresses(name),
    ...ownRequest('/livez'),
    // Each try takes the headers as the one before left them (`proxyLoopIteration`), and `header_up -*` leaves no
    // session: the second and later tries take turns, and so reach another proxy than the one that did not answer.
    ...block('lb_policy header Mcp-Session-Id', 'fallback round_robin'),
    // Longer than a proxy that was killed takes to be there again: 5 s, its start, the look at its health after 10 s.
    // Longer, too, than a machine that is too busy to answer a look in time usually stays so. Clients wait 60 s and more.
    'lb_try_duration 20s',
    'lb_try_interval 250ms',
    // Remembered while any call or stream goes through: that keeps the address known (hosts.go, `hosts`).
    'max_fails 1',
    'fail_duration 3s',
    ...block(
      'transport http',
      // One lost SYN is sent again after 1 s (RFC 6298, section 2.1).
      'dial_timeout 2s',
      'response_header_timeout 1s',
      'keepalive 4s',
      'compression off',
    ),
    ...block('handle_response', ...call(port, patience)),
  );

/**
 * The call itself. No flush_interval: event streams are passed on at once without it (streaming.go, `flushInterval`),
 * and −1 is documented to hide from the proxy that a client has gone.
 */
const call = (port: number, patience: number): Lines =>
  block(
    `reverse_proxy {http.reverse_proxy.upstream.host}:${port}`,
    // One address, which the edge vouches for, in place of a list of which each reader believes another end.
    'header_up X-Forwarded-For {client_ip}',
    'header_up -X-Real-Ip',
    'header_up -Forwarded',
    ...block(
      'transport http',
      'dial_timeout 2s',
      `response_header_timeout ${patience}s`,
      // Below the 75 s of the proxies, which would else close a connection under a call.
      'keepalive 60s',
      'keepalive_idle_conns_per_host 128',
      'compression off',
    ),
  );
