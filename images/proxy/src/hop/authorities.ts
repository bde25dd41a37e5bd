import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { errorText } from '../../../kit/src/logger.ts';
import { SettingsError } from '../../../kit/src/settings.ts';

/**
 * Certificates of the authorities that Dremio's certificate may come from: the given file's alone, else the
 * public ones and those of the system.
 * @throws SettingsError when the file cannot be read or holds no certificate.
 */
export function trustedAuthorities(caFile: string | undefined): string[] {
  if (caFile === undefined)
    return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  let text: string;
  try {
    text = readFileSync(caFile, 'utf8');
  } catch (error) {
    throw new SettingsError([`DREMIO_CA_FILE cannot be read: ${errorText(error)}`]);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new SettingsError([`DREMIO_CA_FILE is ${caFile}, which holds no PEM certificate`]);
  return [text];
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
