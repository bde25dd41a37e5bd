/** Files with certificates of authorities, as PEM text. */
import { X509Certificate } from 'node:crypto';
import { NamedFileError, readNamedFile } from './named-file.ts';

/** Larger than every bundle of public authorities. */
const MAX_BYTES = 4 * 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a file as PEM text; text around them is left out.
 * @throws NamedFileError when it cannot be read, holds none, or one that is damaged
 */
export async function readCertificates(path: string): Promise<string> {
  const certificates = (await readNamedFile(path, MAX_BYTES)).match(CERTIFICATE) ?? [];
  if (certificates.length === 0)
    throw new NamedFileError(path, {
      reason: 'holds no certificate as PEM text (-----BEGIN CERTIFICATE-----)',
      remedy: `A binary certificate becomes one with: openssl x509 -inform der -in ${path} -out ca.pem`,
    });
  for (const [index, certificate] of certificates.entries())
    try {
      new X509Certificate(certificate);
    } catch (error) {
      const which = `certificate ${index + 1} of ${certificates.length}`;
      const trouble = { reason: `is damaged in ${which}`, remedy: 'Copy the file again.' };
      throw new NamedFileError(path, trouble, error);
    }
  return certificates.join('\n');
}
