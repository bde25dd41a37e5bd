/** What an error on the way to Dremio means: nobody there, no answer in time, TLS not trusted, another protocol. */
import { errorText } from '../../../kit/src/logger.ts';
import type { Failure } from './failure.ts';

/** Codes of certificate verification (nodejs.org/api/tls.html, "X509 certificate error codes"). */
const CERTIFICATE_CODES = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const TIMEOUT_CODES = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

const OVERSIZE_CODES = new Set(['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_HEADERS_OVERFLOW']);

/** The file with the CA certificates cannot be read any more. */
export class CaFileError extends Error {
  constructor(cause: unknown) {
    super('the file that DREMIO_CA_FILE names cannot be read', { cause });
    this.name = 'CaFileError';
  }
}

/** Reads an error that a request to `origin` ended with. */
export function readFault(error: unknown, origin: string): Failure {
  if (error instanceof CaFileError)
    return { class: 'tls_not_trusted', message: `${errorText(error)}; nothing was sent` };
  const codes = codesOf(error);
  const some = (test: (code: string) => boolean) => codes.some(test);
  if (some((code) => CERTIFICATE_CODES.has(code)))
    return {
      class: 'tls_not_trusted',
      message: `the certificate of ${origin} is not trusted (${codes.join(', ')}), so nothing was sent; DREMIO_CA_FILE may name the CA that issued it`,
    };
  if (some((code) => code === 'EPROTO' || code.startsWith('ERR_SSL')))
    return {
      class: 'wrong_product',
      message: `${origin} does not speak TLS as expected; check http or https in DREMIO_URL`,
    };
  // Undici's parser error has a code for some violations only.
  if (hasName(error, 'HTTPParserError') || some((code) => code.startsWith('HPE_')))
    return {
      class: 'wrong_product',
      message: `${origin} does not speak plain HTTP; check http or https in DREMIO_URL`,
    };
  if (some((code) => OVERSIZE_CODES.has(code)))
    return {
      class: 'wrong_product',
      message: `${origin} sent far more than a login answer; DREMIO_URL must be the address of Dremio itself`,
    };
  if (some((code) => TIMEOUT_CODES.has(code)) || hasName(error, 'TimeoutError'))
    return { class: 'dremio_unreachable', message: `${origin} gave no answer in time` };
  return {
    class: 'dremio_unreachable',
    message: `${origin} cannot be reached (${codes.join(', ') || errorText(error)})`,
  };
}

/** The codes of an error, of its causes and of the errors it gathers, outermost first. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const { code } = error as NodeJS.ErrnoException;
  const gathered = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  const all = [...(typeof code === 'string' ? [code] : []), ...gathered, ...codesOf(error.cause)];
  return [...new Set(all)];
}

function hasName(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
