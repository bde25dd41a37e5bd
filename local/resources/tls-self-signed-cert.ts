/** tls:index/selfSignedCert:SelfSignedCert (terraform-provider-tls internal/provider/resource_self_signed_cert.go). */

import type { ResourceType } from '../resource-type.ts';
import { text } from '../shape.ts';
import {
  certificateType,
  type IssueInputs,
  issue,
  issueFields,
  issueProblems,
} from './tls-issue.ts';
import {
  alternativeNames,
  loadX509,
  type Names,
  namesFields,
  readSigner,
  subjectName,
} from './tls-names.ts';

interface Inputs extends Names, IssueInputs {
  privateKeyPem: string;
}

export const selfSignedCert: ResourceType = {
  ...certificateType,
  fields: { ...namesFields, ...issueFields, privateKeyPem: text },
  required: ['privateKeyPem', 'validityPeriodHours', 'allowedUses'],
  check: (inputs) => problems(inputs as unknown as Inputs),

  async create(_context, { inputs }) {
    const given = inputs as unknown as Inputs;
    const x509 = await loadX509();
    const signer = await readSigner(given.privateKeyPem, 'privateKeyPem');
    const subject = subjectName(given);
    const { publicKey } = signer.keys;
    const request = { subject, publicKey, extensions: alternativeNames(x509, given) };
    const { id, outputs } = await issue(x509, request, { name: subject, signer }, given);
    return { id, outputs: { ...outputs, keyAlgorithm: signer.algorithm } };
  },
};

function problems(inputs: Inputs): string[] {
  return [
    ...issueProblems(inputs),
    // RFC 5280, 4.1.2.6.
    ...(inputs.isCaCertificate && subjectName(inputs).length === 0
      ? ['subject must say who the certificate authority is, such as { commonName: "…" }']
      : []),
  ];
}
