import { getCACertificates } from 'node:tls';

/**
 * Certificates of the authorities that Dremio's certificate may come from: the given ones alone (PEM), else
 * the public ones and those of the system.
 */
export function trustedAuthorities(given: string | undefined): string[] {
  if (given !== undefined) return [given];
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

const UNTRUSTED: ReadonlySet<string | undefined> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** True for the errors of a certificate whose authority is not among the trusted ones. */
export const isUntrusted = (error: unknown) =>
  UNTRUSTED.has((error as NodeJS.ErrnoException | undefined)?.code);
