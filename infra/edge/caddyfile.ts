/** What the edge does, in the form that Caddy reads: options in, text out. It names files and holds no secret. */
import { failures, headers, problem } from './answers.ts';
import { log } from './log.ts';
import { operations } from './operations.ts';
import { HTTP_PORT, HTTPS_PORT, OPERATIONS_PORT } from './ports.ts';
import { toProxy } from './proxies.ts';
import { block, type Lines, when, word } from './text.ts';

export interface EdgeOptions {
  /** `acme`: it gets a certificate itself; `files`: tls.crt and tls.key; `none`: TLS ends in front of it. */
  readonly tls: 'acme' | 'files' | 'none';
  /** Host of the URL. No other is served, except with `none`, where what is in front decides. */
  readonly domain: string;
  /** Published ports; an `httpPort` of 0 means that there is no plain HTTP. */
  readonly httpsPort: number;
  readonly httpPort: number;
  /** Where the service is below the host, such as `/lakehouse`; empty at the root. */
  readonly pathPrefix: string;
  /** A name with an address for each proxy, and where they serve MCP. */
  readonly upstream: { readonly name: string; readonly port: number };
  /** CIDRs whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[];
  readonly acme?: {
    readonly email?: string;
    /** URL of the server's directory; Let's Encrypt when left out. */
    readonly directory?: string;
    /** File with the root certificate of a private server. */
    readonly caFile?: string;
  };
  /** Largest body of a request; above it 413. */
  readonly maxBodyBytes: number;
  /** debug, info, warn or error. A line for each request is info, for each that failed with 500 or more error. */
  readonly logLevel: string;
  /** CALL_TIMEOUT of the proxies; 120, as there, when left out. */
  readonly callTimeoutSeconds?: number;
}

export const CERTIFICATE_FILE = '/run/secrets/tls.crt';
export const KEY_FILE = '/run/secrets/tls.key';

/** A call may wait for its place and for a token before its time runs. */
const PATIENCE_BEYOND_CALL_SECONDS = 30;

/** @throws Error naming an option whose value would not be one word in the text */
export function caddyfile(options: EdgeOptions): string {
  const sites = [
    block('', ...globals(options)),
    ...(options.tls === 'none' ? [] : encrypted(options)),
    when(options.tls === 'none', block(`http://:${HTTP_PORT}`, ...service(options))),
    block(
      `http://:${OPERATIONS_PORT}`,
      ...operations(word('upstream.name', options.upstream.name)),
    ),
  ];
  return sites
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function globals({ tls, domain, trustedProxies, logLevel }: EdgeOptions): Lines {
  const trusted = trustedProxies.map((cidr) => word('trustedProxies', cidr));
  const limits: Lines = [
    // As the proxies have them; none for answers, which may be streams.
    ...block('timeouts', 'read_header 10s', 'read_body 30s', 'idle 2m'),
    // Go takes 4 KiB more (net/http, `initialReadLimitSize`): 16 KiB, as Node does.
    'max_header_size 12KiB',
    ...when(
      trusted.length > 0,
      `trusted_proxies static ${trusted.join(' ')}`,
      'trusted_proxies_strict',
    ),
  ];
  return [
    // No way to change it but a new start, and nothing to keep of its configuration.
    'admin off',
    'persist_config off',
    // Without `acme` it must never ask for a certificate, not even when the one in the file is for another name.
    tls === 'acme' ? 'auto_https disable_redirects' : 'auto_https off',
    // Nor does it keep anything then: /data is read-only, and has no old certificates to look for.
    ...when(tls !== 'acme', 'storage_clean_interval off'),
    `http_port ${HTTP_PORT}`,
    `https_port ${HTTPS_PORT}`,
    // Clients that connect by address name no host.
    ...when(tls !== 'none', `default_sni ${word('domain', domain)}`),
    // It is down from its stop to its next start: calls under way get a moment, streams open again.
    'grace_period 5s',
    // Not by host: a client could make up any number of them.
    'metrics',
    ...log(logLevel),
    // HTTP/3 would need a published UDP port; of HTTP/2 without TLS Caddy warns at each start.
    ...when(tls !== 'none', block(`servers :${HTTPS_PORT}`, 'protocols h1 h2', ...limits)),
    // All the others, since the first that fits counts.
    ...block('servers', 'protocols h1', ...limits),
  ];
}

function encrypted(options: EdgeOptions): readonly Lines[] {
  const { domain, httpPort } = options;
  return [
    block(
      `https://${word('domain', domain)}:${HTTPS_PORT}`,
      ...certificate(options),
      ...service(options),
    ),
    // Who came with the right name for the certificate and asks for another host.
    block(
      `https://:${HTTPS_PORT}`,
      'log',
      ...headers(true),
      ...problem(421, 'this host is not served here'),
    ),
    when(httpPort !== 0, block(`http://:${HTTP_PORT}`, ...redirect(options))),
  ];
}

function certificate({ tls, acme = {}, httpPort }: EdgeOptions): Lines {
  if (tls === 'files') return [`tls ${CERTIFICATE_FILE} ${KEY_FILE}`];
  const { email, directory, caFile } = acme;
  const issuer = block(
    'issuer acme',
    ...(directory ? [`dir ${word('acme.directory', directory)}`] : []),
    ...(email ? [`email ${word('acme.email', email)}`] : []),
    ...(caFile ? [`trusted_roots ${word('acme.caFile', caFile)}`] : []),
    ...when(httpPort === 0, 'disable_http_challenge'),
  );
  return block('tls', ...issuer);
}

/** Caddy answers ACME challenges before any site is asked (modules/caddyhttp/server.go, `ServeHTTP`). */
function redirect({ domain, httpsPort }: EdgeOptions): Lines {
  const port = httpsPort === 443 ? '' : `:${httpsPort}`;
  return ['log', ...headers(false), `redir https://${domain}${port}{uri} 308`];
}

/** RFC 9728, section 3.1: the path of the resource comes after the well-known one. */
const METADATA = '/.well-known/oauth-protected-resource';

function service(options: EdgeOptions): Lines {
  const { tls, maxBodyBytes, upstream, callTimeoutSeconds = 120 } = options;
  const prefix = options.pathPrefix === '' ? '' : word('pathPrefix', options.pathPrefix);
  const forward = toProxy({
    name: word('upstream.name', upstream.name),
    port: upstream.port,
    patience: callTimeoutSeconds + PATIENCE_BEYOND_CALL_SECONDS,
  });
  return [
    'log',
    'log_append upstream {http.reverse_proxy.upstream.hostport}',
    'log_append retries {http.reverse_proxy.retries}',
    ...headers(tls !== 'none'),
    ...block('request_body', `max_size ${maxBodyBytes}`),
    `@served path ${prefix}/mcp ${METADATA} ${METADATA}/*`,
    ...block('handle @served', ...when(prefix !== '', `uri strip_prefix ${prefix}`), ...forward),
    ...block('handle', ...problem(404, `MCP is served at ${prefix}/mcp`)),
    ...failures(tls !== 'none'),
  ];
}
