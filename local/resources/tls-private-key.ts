/**
 * tls:index/privateKey:PrivateKey (terraform-provider-tls internal/provider/resource_private_key.go).
 * Left out: the outputs in the formats of OpenSSH, which stay undefined.
 */

import { createHash, generateKeyPair, type KeyPairKeyObjectResult } from 'node:crypto';
import { promisify } from 'node:util';
import type { ResourceType } from '../resource-type.ts';
import { choice, type Fields, whole } from '../shape.ts';
import { keptInState } from './kept-in-state.ts';

interface Inputs {
  algorithm: 'RSA' | 'ECDSA';
  ecdsaCurve?: 'P256' | 'P384' | 'P521';
  rsaBits?: number;
}

const fields: Fields = {
  algorithm: choice('RSA', 'ECDSA'),
  ecdsaCurve: choice('P256', 'P384', 'P521'),
  rsaBits: whole,
};
const shortestRsa = 2048;

export const privateKey: ResourceType = {
  ...keptInState,
  fields,
  required: ['algorithm'],
  check: (inputs) => problems(inputs as unknown as Inputs),

  async create(_context, { inputs }) {
    const pair = await generate(inputs as unknown as Inputs);
    const publicKeyPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const isRsa = pair.privateKey.asymmetricKeyType === 'rsa';
    const pem = (type: 'pkcs1' | 'sec1' | 'pkcs8') =>
      pair.privateKey
        .export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' })
        .toString();
    return {
      id: createHash('sha1').update(publicKeyPem).digest('hex'),
      outputs: {
        privateKeyPem: pem(isRsa ? 'pkcs1' : 'sec1'),
        privateKeyPemPkcs8: pem('pkcs8'),
        publicKeyPem,
      },
    };
  },
};

function problems({ algorithm, ecdsaCurve, rsaBits = shortestRsa }: Inputs): string[] {
  return [
    // The provider's own default, P224, is known to few programs.
    ...(algorithm === 'ECDSA' && ecdsaCurve === undefined
      ? ['ecdsaCurve must be said for ECDSA, such as "P256"']
      : []),
    ...(algorithm === 'RSA' && rsaBits < shortestRsa
      ? [`rsaBits must be at least ${shortestRsa}`]
      : []),
  ];
}

function generate({ algorithm, ecdsaCurve, rsaBits }: Inputs): Promise<KeyPairKeyObjectResult> {
  return algorithm === 'RSA'
    ? promisify(generateKeyPair)('rsa', { modulusLength: rsaBits ?? shortestRsa })
    : promisify(generateKeyPair)('ec', { namedCurve: `${ecdsaCurve}`.replace('P', 'P-') });
}
