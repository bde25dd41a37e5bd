/** Keys and certificates as the tls provider makes them, judged by openssl and by Node. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Context, ResourceType } from '../../local/resource-type.ts';
import { certRequest } from '../../local/resources/tls-cert-request.ts';
import { lookAtCertificate } from '../../local/resources/tls-issue.ts';
import { locallySignedCert } from '../../local/resources/tls-locally-signed-cert.ts';
import { privateKey } from '../../local/resources/tls-private-key.ts';
import { selfSignedCert } from '../../local/resources/tls-self-signed-cert.ts';
import { problems, record } from '../../local/shape.ts';

const nothing = {} as Context;

async function make(type: ResourceType, inputs: Record<string, unknown>) {
  assert.deepEqual(problemsOf(type, inputs), []);
  const { outputs } = await type.create(nothing, { name: 'n', inputs, label: '', begun() {} });
  return outputs as Record<string, string>;
}

function problemsOf(type: ResourceType, inputs: Record<string, unknown>): string[] {
  const shape = problems(record(type.fields, type.required), inputs, '');
  return shape.length > 0 ? shape : (type.check?.(inputs) ?? []);
}

const forServers = ['key_encipherment', 'digital_signature', 'server_auth'];

type Key = Record<string, string>;

async function chain(authorityKey: Key, key: Key) {
  const authority = await make(selfSignedCert, {
    privateKeyPem: authorityKey.privateKeyPem,
    subject: { commonName: 'Lakehouse CA', organization: 'Tests' },
    isCaCertificate: true,
    validityPeriodHours: 48,
    allowedUses: ['cert_signing', 'crl_signing'],
  });
  const request = await make(certRequest, {
    privateKeyPem: key.privateKeyPem,
    subject: { commonName: 'lakehouse.test' },
    dnsNames: ['lakehouse.test', '*.lakehouse.test'],
    ipAddresses: ['127.0.0.1', '::1'],
  });
  const signing = {
    certRequestPem: request.certRequestPem,
    caCertPem: authority.certPem,
    caPrivateKeyPem: authorityKey.privateKeyPem,
    validityPeriodHours: 24,
    earlyRenewalHours: 6,
    allowedUses: forServers,
  };
  return { authority, signing, cert: await make(locallySignedCert, signing) };
}

const ec = () => make(privateKey, { algorithm: 'ECDSA', ecdsaCurve: 'P256' });
/** One for all: finding its primes takes long. */
let rsa: Promise<Key> | undefined;
const keyOf = (algorithm: string) => {
  if (algorithm === 'ECDSA') return ec();
  rsa ??= make(privateKey, { algorithm: 'RSA' });
  return rsa;
};

const openssl = spawnSync('openssl', ['version']).status === 0;

for (const algorithm of ['ECDSA', 'RSA']) {
  test(`${algorithm}: a chain of certificates that openssl and Node accept`, async (t) => {
    const key = await keyOf(algorithm);
    const { authority, cert } = await chain(await keyOf(algorithm), key);
    const leaf = new X509Certificate(cert.certPem ?? '');
    const root = new X509Certificate(authority.certPem ?? '');
    assert.ok(leaf.verify(root.publicKey) && leaf.checkIssued(root) && root.ca && !leaf.ca);
    assert.equal(leaf.checkHost('a.lakehouse.test'), '*.lakehouse.test');
    assert.equal(leaf.checkIP('127.0.0.1'), '127.0.0.1');
    assert.equal(leaf.publicKey.export({ type: 'spki', format: 'pem' }), key.publicKeyPem);
    assert.equal(root.subject, 'O=Tests\nCN=Lakehouse CA');
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(cert.caKeyAlgorithm, algorithm);
    assert.equal(Date.parse(leaf.validTo), Date.parse(cert.validityEndTime ?? ''));
    assert.equal(
      Date.parse(cert.validityEndTime ?? '') - Date.parse(cert.validityStartTime ?? ''),
      24 * 3_600_000,
    );
    if (!openssl) return t.skip('SKIPPED: openssl is not installed');
    const folder = await mkdtemp(join(tmpdir(), 'local-tls-'));
    t.after(() => rm(folder, { recursive: true }));
    const [ca = '', pem = ''] = ['ca.pem', 'leaf.pem'].map((name) => join(folder, name));
    await writeFile(ca, authority.certPem ?? '');
    await writeFile(pem, cert.certPem ?? '');
    const options = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'lakehouse.test'];
    const verified = spawnSync('openssl', ['verify', '-CAfile', ca, ...options, pem]);
    assert.equal(verified.status, 0, String(verified.stderr));
  });
}

test('the forms of a private key are those of the provider', async () => {
  const elliptic = await keyOf('ECDSA');
  assert.match(elliptic.privateKeyPem ?? '', /^-----BEGIN EC PRIVATE KEY-----\n/);
  assert.match(elliptic.privateKeyPemPkcs8 ?? '', /^-----BEGIN PRIVATE KEY-----\n/);
  const { privateKeyPem } = await keyOf('RSA');
  assert.match(privateKeyPem ?? '', /^-----BEGIN RSA PRIVATE KEY-----\n/);
});

test('in its early renewal window a certificate is to be made anew, and not before', () => {
  const outputs = { validityEndTime: '2030-01-02T00:00:00Z' };
  const at = (time: string, hours?: number) =>
    lookAtCertificate(
      { outputs },
      hours === undefined ? {} : { earlyRenewalHours: hours },
      Date.parse(time),
    ).is;
  assert.equal(at('2030-01-01T11:59:59Z', 12), 'as made');
  assert.equal(at('2030-01-01T12:00:00Z', 12), 'altered');
  assert.equal(at('2030-01-01T23:59:59Z'), 'as made');
  assert.equal(at('2030-01-02T00:00:00Z'), 'altered');
});

const issuing = { privateKeyPem: 'x', validityPeriodHours: 1, allowedUses: ['server_auth'] };
const refused: [string, ResourceType, Record<string, unknown>, RegExp][] = [
  ['an algorithm', privateKey, { algorithm: 'ED25519' }, /algorithm must be "RSA" or "ECDSA"/],
  ['the default curve', privateKey, { algorithm: 'ECDSA' }, /ecdsaCurve must be said/],
  ['a short key', privateKey, { algorithm: 'RSA', rsaBits: 1024 }, /rsaBits must be at least 2048/],
  [
    'a use',
    selfSignedCert,
    { ...issuing, allowedUses: ['serverAuth'] },
    /allowedUses\[0\] must be .*"server_auth"/,
  ],
  [
    'an authority without a name',
    selfSignedCert,
    { ...issuing, isCaCertificate: true },
    /subject must say who/,
  ],
  [
    'a part of a name',
    selfSignedCert,
    { ...issuing, subject: { title: 'x' } },
    /subject\.title is not/,
  ],
  ['a negative time', selfSignedCert, { ...issuing, validityPeriodHours: -1 }, /must be 0 or more/],
];

for (const [what, type, inputs, expected] of refused) {
  test(`${what} that cannot be honoured is refused by name`, () => {
    assert.match(problemsOf(type, inputs).join('\n'), expected);
  });
}

test('what cannot become a chain is refused without showing a key', async () => {
  const key = await ec();
  const { signing, cert } = await chain(await ec(), key);
  const sign = (change: Record<string, unknown>) =>
    make(locallySignedCert, { ...signing, ...change });
  const pem = key.privateKeyPem ?? '';
  const broken = pem.replace('BEGIN', 'BEGUN');
  await assert.rejects(sign({ caPrivateKeyPem: pem }), /is not the key of caCertPem/);
  await assert.rejects(sign({ caCertPem: cert.certPem }), /caCertPem is no certificate authority/);
  await assert.rejects(sign({ caCertPem: 'x' }), /caCertPem is not valid PEM/);
  await assert.rejects(sign({ certRequestPem: cert.certPem }), /certRequestPem is not valid PEM/);
  await assert.rejects(sign({ caPrivateKeyPem: broken }), (error: Error) => {
    assert.match(error.message, /caPrivateKeyPem is not an unencrypted private key in PEM/);
    return !error.message.includes(pem.slice(40, 60));
  });
});
