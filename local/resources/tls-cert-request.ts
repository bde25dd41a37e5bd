/** tls:index/certRequest:CertRequest (terraform-provider-tls internal/provider/resource_cert_request.go). */

import { createHash } from 'node:crypto';
import type { ResourceType } from '../resource-type.ts';
import { text } from '../shape.ts';
import { keptInState } from './kept-in-state.ts';
import {
  alternativeNames,
  loadX509,
  type Names,
  namesFields,
  readSigner,
  subjectName,
} from './tls-names.ts';

interface Inputs extends Names {
  privateKeyPem: string;
}

export const certRequest: ResourceType = {
  ...keptInState,
  fields: { ...namesFields, privateKeyPem: text },
  required: ['privateKeyPem'],

  async create(_context, { inputs }) {
    const given = inputs as unknown as Inputs;
    const x509 = await loadX509();
    const { algorithm, signing, keys } = await readSigner(given.privateKeyPem, 'privateKeyPem');
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: subjectName(given),
      keys,
      signingAlgorithm: signing,
      extensions: alternativeNames(x509, given),
    });
    const certRequestPem = `${request.toString('pem')}\n`;
    return {
      id: createHash('sha1').update(certRequestPem).digest('hex'),
      outputs: { certRequestPem, keyAlgorithm: algorithm },
    };
  },
};
