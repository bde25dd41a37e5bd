/** What certificates and requests for them have in common: names and keys. */

import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import { RunnerError } from '../errors.ts';
import { type Fields, listOf, record, text } from '../shape.ts';

export interface Names {
  subject?: Readonly<Record<string, string>>;
  dnsNames?: readonly string[];
  ipAddresses?: readonly string[];
  uris?: readonly string[];
}

/** Parts of a distinguished name, in the order in which Go writes them (crypto/x509/pkix, ToRDNSequence). */
const subjectParts: Readonly<Record<string, string>> = {
  country: 'C',
  organization: 'O',
  organizationalUnit: 'OU',
  locality: 'L',
  province: 'ST',
  commonName: 'CN',
};

export const namesFields: Fields = {
  subject: record(Object.fromEntries(Object.keys(subjectParts).map((part) => [part, text]))),
  dnsNames: listOf(text),
  ipAddresses: listOf(text),
  uris: listOf(text),
};

/** The library is loaded by those programs only that make certificates. */
export const loadX509 = () => import('@peculiar/x509');

export function subjectName({ subject = {} }: Names): X509.JsonName {
  return Object.entries(subjectParts).flatMap(([part, short]) => {
    const value = subject[part];
    return value === undefined ? [] : [{ [short]: [value] }];
  });
}

/** The extension with the alternative names, if there are any. */
export function alternativeNames(x509: typeof X509, names: Names): X509.Extension[] {
  const { dnsNames = [], ipAddresses = [], uris = [] } = names;
  const all: X509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
    ...uris.map((value) => ({ type: 'url' as const, value })),
  ];
  if (all.length === 0) return [];
  // RFC 5280, 4.2.1.6: critical where there is no other name.
  return [new x509.SubjectAlternativeNameExtension(all, subjectName(names).length === 0)];
}

/** A key pair that signs, and how. */
export interface Signer {
  /** As the provider calls it. */
  algorithm: 'RSA' | 'ECDSA';
  signing: { name: string; hash: string };
  keys: webcrypto.CryptoKeyPair;
}

const curves: Readonly<Record<string, { namedCurve: string; hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
};

/**
 * The signer of a private key in PEM.
 * @param input what to call it in a message, which never shows it
 */
export async function readSigner(pem: string, input: string): Promise<Signer> {
  const privateKey = parseKey(pem, input);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey;
  const curve = curves[details?.namedCurve ?? ''];
  if (type === 'rsa') {
    const signing = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return { algorithm: 'RSA', signing, keys: await importKeys(privateKey, signing) };
  }
  if (type === 'ec' && curve !== undefined) {
    const signing = { name: 'ECDSA', hash: curve.hash };
    const keys = await importKeys(privateKey, { name: 'ECDSA', namedCurve: curve.namedCurve });
    return { algorithm: 'ECDSA', signing, keys };
  }
  throw new RunnerError(
    `${input} is a key of type ${type} (${details?.namedCurve ?? 'no curve'}); the local runner signs with RSA and ` +
      'ECDSA on P-256, P-384 or P-521. Deploy this program with the Pulumi CLI: npx pulumi up',
  );
}

function parseKey(pem: string, input: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new RunnerError(`${input} is not an unencrypted private key in PEM.`);
  }
}

async function importKeys(
  privateKey: KeyObject,
  algorithm: webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams,
): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  const publicDer = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const privateDer = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    publicKey: await subtle.importKey('spki', publicDer, algorithm, true, ['verify']),
    privateKey: await subtle.importKey('pkcs8', privateDer, algorithm, false, ['sign']),
  };
}
