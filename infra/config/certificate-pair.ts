/** Whether a certificate can serve a name with a key, now. */
import { createPrivateKey, X509Certificate } from 'node:crypto';

const DAY_MS = 86_400_000;

export interface CertificatePair {
  /** PEM text, the server's own certificate first. */
  readonly certificate: string;
  /** PEM text. */
  readonly key: string;
  readonly domain: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What is wrong with `tlsCertificate` and `tlsKey`, a sentence each; never anything of the key. */
export function certificatePairProblems({ certificate, key, domain, now }: CertificatePair) {
  const set =
    'Set both: npm run up -- --set tlsCertificate=@chain.pem --set-secret tlsKey < key.pem';
  const own = parsed(() => new X509Certificate(certificate));
  const privateKey = parsed(() => createPrivateKey(key));
  const ends = own && Date.parse(own.validTo);
  const begins = own && Date.parse(own.validFrom);
  const day = (time: number) => new Date(time).toISOString().slice(0, 10);
  return [
    ...(own ? [] : [`"tlsCertificate" cannot be read as a certificate. ${set}`]),
    ...(privateKey
      ? []
      : [`"tlsKey" cannot be read as a private key; it may have a passphrase. ${set}`]),
    ...(own && privateKey && !own.checkPrivateKey(privateKey)
      ? [`"tlsKey" is not the key of "tlsCertificate". ${set}`]
      : []),
    ...(ends !== undefined && ends <= now
      ? [
          `"tlsCertificate" expired on ${day(ends)}, ${Math.floor((now - ends) / DAY_MS)} days ago. ${set}`,
        ]
      : []),
    ...(begins !== undefined && begins > now
      ? [`"tlsCertificate" is valid from ${day(begins)} on only. ${set}`]
      : []),
    ...(own && own.checkHost(domain) === undefined
      ? [
          `"tlsCertificate" is for ${own.subjectAltName ?? own.subject.replaceAll('\n', ', ')}, and "domain" is ${domain}. ${set}`,
        ]
      : []),
  ];
}

function parsed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
