/**
 * Signs certificates as the tls provider does (terraform-provider-tls internal/provider/common_cert.go),
 * and says when one is due for renewal.
 */

import { randomBytes } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import type { Live, Located, Made, ResourceType } from '../resource-type.ts';
import { choice, type Fields, flag, listOf, whole } from '../shape.ts';
import { keptInState } from './kept-in-state.ts';
import type { Signer } from './tls-names.ts';

export interface IssueInputs {
  validityPeriodHours: number;
  earlyRenewalHours?: number;
  allowedUses: readonly string[];
  isCaCertificate?: boolean;
  maxPathLength?: number;
  setSubjectKeyId?: boolean;
}

const hourMs = 3_600_000;

/** Bits of the extension (RFC 5280, 4.2.1.3). */
const keyUses: Readonly<Record<string, number>> = {
  digital_signature: 1,
  content_commitment: 2,
  key_encipherment: 4,
  data_encipherment: 8,
  key_agreement: 16,
  cert_signing: 32,
  crl_signing: 64,
  encipher_only: 128,
  decipher_only: 256,
};

/** Object identifiers (RFC 5280, 4.2.1.12). */
const extendedUses: Readonly<Record<string, string>> = {
  any_extended: '2.5.29.37.0',
  server_auth: '1.3.6.1.5.5.7.3.1',
  client_auth: '1.3.6.1.5.5.7.3.2',
  code_signing: '1.3.6.1.5.5.7.3.3',
  email_protection: '1.3.6.1.5.5.7.3.4',
  timestamping: '1.3.6.1.5.5.7.3.8',
  ocsp_signing: '1.3.6.1.5.5.7.3.9',
};

export const issueFields: Fields = {
  validityPeriodHours: whole,
  earlyRenewalHours: whole,
  allowedUses: listOf(choice(...Object.keys(keyUses), ...Object.keys(extendedUses))),
  isCaCertificate: flag,
  maxPathLength: whole,
  setSubjectKeyId: flag,
};

/** A certificate lives in the state; within its early renewal window the next run makes a new one. */
export const certificateType = {
  ...keptInState,
  inPlace: ['earlyRenewalHours'],
  look: async (_context, stored, wanted) => lookAtCertificate(stored, wanted, Date.now()),
  update: async (_context, { id, outputs }) => ({ id, outputs }),
} as const satisfies Partial<ResourceType>;

/** @param now milliseconds since 1970 */
export function lookAtCertificate(
  { outputs }: Pick<Located, 'outputs'>,
  { earlyRenewalHours = 0 }: Readonly<Record<string, unknown>>,
  now: number,
): Live {
  const ends = Date.parse(String(outputs.validityEndTime));
  return now >= ends - Number(earlyRenewalHours) * hourMs
    ? { is: 'altered', reason: `it is to be renewed, as it ends ${outputs.validityEndTime}` }
    : { is: 'as made' };
}

export interface Request {
  subject: X509.Name | X509.JsonName;
  publicKey: X509.PublicKeyType;
  /** With the alternative names. */
  extensions: readonly X509.Extension[];
}

/** Who signs. */
export interface Issuer {
  name: X509.Name | X509.JsonName;
  signer: Signer;
  /** Hexadecimal; of the issuer's own certificate. */
  keyId?: string | undefined;
}

/** Makes a certificate, and the outputs that both kinds have. */
export async function issue(
  x509: typeof X509,
  request: Request,
  issuer: Issuer,
  inputs: IssueInputs,
): Promise<Made> {
  // A certificate counts in whole seconds.
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + inputs.validityPeriodHours * hourMs);
  const serial = randomBytes(16);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString('hex'),
    subject: request.subject,
    issuer: issuer.name,
    notBefore,
    notAfter,
    publicKey: request.publicKey,
    signingKey: issuer.signer.keys.privateKey,
    signingAlgorithm: issuer.signer.signing,
    extensions: [
      ...(await extensions(x509, request, inputs)),
      ...(issuer.keyId === undefined
        ? []
        : [new x509.AuthorityKeyIdentifierExtension(issuer.keyId)]),
      ...request.extensions,
    ],
  });
  return {
    id: BigInt(`0x${serial.toString('hex')}`).toString(),
    outputs: {
      certPem: `${certificate.toString('pem')}\n`,
      readyForRenewal: false,
      validityStartTime: rfc3339(notBefore),
      validityEndTime: rfc3339(notAfter),
    },
  };
}

async function extensions(x509: typeof X509, { publicKey }: Request, inputs: IssueInputs) {
  const { allowedUses, isCaCertificate = false, maxPathLength, setSubjectKeyId } = inputs;
  const bits = allowedUses.reduce((sum, use) => sum | (keyUses[use] ?? 0), 0);
  const extended = allowedUses.flatMap((use) => extendedUses[use] ?? []);
  // As in Go, where 0 stands for no limit.
  const pathLength = isCaCertificate && maxPathLength ? maxPathLength : undefined;
  return [
    ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
    ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
    new x509.BasicConstraintsExtension(isCaCertificate, pathLength, true),
    ...(isCaCertificate || setSubjectKeyId
      ? [await x509.SubjectKeyIdentifierExtension.create(publicKey)]
      : []),
  ];
}

/** Without fractions of a second. */
function rfc3339(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}

/** What is wrong with how a certificate is to be issued. */
export function issueProblems(inputs: IssueInputs): string[] {
  return (['validityPeriodHours', 'earlyRenewalHours', 'maxPathLength'] as const)
    .filter((key) => (inputs[key] ?? 0) < 0)
    .map((key) => `${key} must be 0 or more`);
}
