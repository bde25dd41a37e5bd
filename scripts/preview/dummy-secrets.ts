/** Stand-ins for the secrets of a stack, so that its program runs where nobody knows the real ones. */
import { randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** Config by short key (`tlsMode`), as it would be typed; `undefined` when it is not set. */
export type Lookup = (key: string) => string | undefined;

interface Dummy {
  /** Whether a stack with this config cannot do without the secret. */
  needed(config: Lookup): boolean;
  make(config: Lookup): Promise<DummyValues> | DummyValues;
}

export interface DummyValues {
  readonly secret: string;
  /** Other keys that must go with it, in clear. */
  readonly beside?: Readonly<Record<string, string>>;
}

const random = (): DummyValues => ({ secret: `Dummy-1-${randomBytes(24).toString('base64url')}` });
const never = () => false;

/** One for every secret key of infra/config/keys.ts. */
export const dummies: Readonly<Record<string, Dummy>> = {
  dremioPassword: { needed: (config) => config('demo') !== 'true', make: random },
  // The program makes one when none is set.
  mcpKey: { needed: never, make: random },
  mcpKeys: {
    needed: never,
    make: () => ({ secret: JSON.stringify({ dummy: random().secret }) }),
  },
  registryPassword: { needed: (config) => Boolean(config('registryUsername')), make: random },
  // The certificate must fit the key, so a stand-in takes its place as well.
  tlsKey: {
    needed: (config) => config('tlsMode') === 'files',
    make: async (config) => {
      const { certificate, key } = await selfSigned(config('domain') || 'preview.invalid');
      return { secret: key, beside: { tlsCertificate: certificate } };
    },
  },
};

async function selfSigned(host: string): Promise<{ certificate: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${host}`,
    notAfter: new Date(Date.now() + 90 * 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }])],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: certificate.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  };
}
