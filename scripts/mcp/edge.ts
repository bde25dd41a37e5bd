/** Looks at what answers at the MCP URL, as a client meets it: TLS, then HTTP. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type Dispatcher, request } from 'undici';
import { codeOf, messageOf } from '../command-error.ts';
import { agentFor, connectOptions, type Endpoint, hostOf } from './endpoint.ts';

const TIMEOUT_MS = 5_000;
/** What helps where the authority is one that this machine does not know. */
const OWN_AUTHORITY =
  '; of an authority of your own, name the certificate: NODE_EXTRA_CA_CERTS=ca.pem npm run …';
/** What a proxy answers to a request without a key. */
const NO_KEY = 401;

export interface EdgeCertificate {
  readonly issuer: string;
  /** RFC 3339. */
  readonly validTo: string;
  readonly secondsLeft: number;
  /** Why it is not trusted here; `null` when it is. */
  readonly distrust: string | null;
}

export interface EdgeStatus {
  readonly url: string;
  /** Address that was connected to because DNS does not know the URL's name here. */
  readonly address: string | null;
  /** Absent with plain HTTP, or when no handshake came about. */
  readonly certificate: EdgeCertificate | null;
  /** Why a client gets nowhere; `null` when the edge and a proxy behind it answer. */
  readonly problem: string | null;
}

/** Makes a TLS handshake and a request without a key, which a proxy behind the edge must refuse with 401. */
export async function checkEdge(endpoint: Endpoint, now = new Date()): Promise<EdgeStatus> {
  const { url, address = null } = endpoint;
  const shown = { url, address };
  const secure = new URL(url).protocol === 'https:';
  let certificate: EdgeCertificate | null = null;
  try {
    certificate = secure ? await handshake(endpoint, now) : null;
    if (certificate?.distrust)
      return {
        ...shown,
        certificate,
        problem: `its certificate is not trusted here: ${certificate.distrust}${OWN_AUTHORITY}`,
      };
    const status = await statusWithoutKey(endpoint);
    const problem = status === NO_KEY ? null : `it answers with status ${status}${meaning(status)}`;
    return { ...shown, certificate, problem };
  } catch (error) {
    return { ...shown, certificate, problem: failure(error) };
  }
}

function meaning(status: number): string {
  if (status >= 502 && status <= 504) return ': no proxy behind the edge answers';
  return status === 404 ? ': something else serves this path' : '';
}

function failure(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return 'nothing listens there (connection refused)';
  if (/ALERT_INTERNAL_ERROR/.test(code ?? ''))
    return 'the edge has no certificate for this name yet';
  if (code === 'ECONNRESET') return 'the connection was cut';
  return messageOf(error);
}

function handshake(endpoint: Endpoint, now: Date): Promise<EdgeCertificate> {
  const host = hostOf(endpoint);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(new URL(endpoint.url).port) || 443,
      ...connectOptions(endpoint),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['http/1.1'],
      // Told in words below; nothing is sent over this connection.
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
    });
    socket.once('secureConnect', () => {
      const found = socket.getPeerX509Certificate();
      const { authorized, authorizationError: why } = socket;
      socket.destroy();
      if (found === undefined) reject(new Error('it shows no certificate'));
      else resolve(describe(found, authorized ? null : wordsOf(why), now));
    });
    socket.once('timeout', () =>
      socket.destroy(new Error(`no TLS handshake within ${TIMEOUT_MS / 1000} s`)),
    );
    socket.once('error', reject);
  });
}

const wordsOf = (why: unknown) => (why instanceof Error ? why.message : String(why));

function describe(
  { issuer, validTo }: X509Certificate,
  distrust: string | null,
  now: Date,
): EdgeCertificate {
  const end = new Date(validTo);
  const name = /^(?:CN|O)=(.*)$/m.exec(issuer)?.[1] ?? issuer.replaceAll('\n', ', ');
  return {
    issuer: name,
    validTo: end.toISOString(),
    secondsLeft: Math.round((end.getTime() - now.getTime()) / 1000),
    distrust,
  };
}

async function statusWithoutKey(endpoint: Endpoint): Promise<number> {
  const dispatcher: Dispatcher = agentFor(endpoint);
  try {
    const { statusCode, body } = await request(endpoint.url, {
      dispatcher,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      signal: AbortSignal.timeout(2 * TIMEOUT_MS),
    });
    await body.dump();
    return statusCode;
  } finally {
    await dispatcher.destroy();
  }
}
