/** tls:index/locallySignedCert:LocallySignedCert (terraform-provider-tls internal/provider/resource_locally_signed_cert.go). */

import type * as X509 from '@peculiar/x509';
import { RunnerError } from '../errors.ts';
import type { ResourceType } from '../resource-type.ts';
import { text } from '../shape.ts';
import {
  certificateType,
  type IssueInputs,
  issue,
  issueFields,
  issueProblems,
} from './tls-issue.ts';
import { loadX509, readSigner } from './tls-names.ts';

interface Inputs extends IssueInputs {
  certRequestPem: string;
  caCertPem: string;
  caPrivateKeyPem: string;
}

/** Of the alternative names (RFC 5280, 4.2.1.6): what of a request is granted. */
const subjectAlternativeName = '2.5.29.17';

export const locallySignedCert: ResourceType = {
  ...certificateType,
  fields: { ...issueFields, certRequestPem: text, caCertPem: text, caPrivateKeyPem: text },
  required: [
    'certRequestPem',
    'caCertPem',
    'caPrivateKeyPem',
    'validityPeriodHours',
    'allowedUses',
  ],
  check: (inputs) => issueProblems(inputs as unknown as IssueInputs),

  async create(_context, { inputs }) {
    const given = inputs as unknown as Inputs;
    const x509 = await loadX509();
    const signer = await readSigner(given.caPrivateKeyPem, 'caPrivateKeyPem');
    const authority = parse('caCertPem', () => new x509.X509Certificate(given.caCertPem));
    await checkAuthority(x509, authority, signer.keys.publicKey);
    const request = parse(
      'certRequestPem',
      () => new x509.Pkcs10CertificateRequest(given.certRequestPem),
    );
    if (!(await request.verify())) {
      throw new RunnerError('certRequestPem is not signed with the key that it is about.');
    }
    const { id, outputs } = await issue(
      x509,
      {
        subject: request.subjectName,
        publicKey: request.publicKey,
        extensions: request.getExtensions(subjectAlternativeName),
      },
      {
        name: authority.subjectName,
        signer,
        keyId: authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
      },
      given,
    );
    return { id, outputs: { ...outputs, caKeyAlgorithm: signer.algorithm } };
  },
};

/** A certificate whose chain no client would accept is refused rather than made. */
async function checkAuthority(
  x509: typeof X509,
  authority: X509.X509Certificate,
  key: X509.PublicKeyType,
): Promise<void> {
  if (!authority.getExtension(x509.BasicConstraintsExtension)?.ca) {
    throw new RunnerError(
      'caCertPem is no certificate authority; make it with isCaCertificate: true.',
    );
  }
  const [own, given] = await Promise.all([
    x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    x509.SubjectKeyIdentifierExtension.create(key),
  ]);
  if (own.keyId !== given.keyId) {
    throw new RunnerError('caPrivateKeyPem is not the key of caCertPem.');
  }
}

function parse<T>(input: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new RunnerError(`${input} is not valid PEM of its kind.`);
  }
}
