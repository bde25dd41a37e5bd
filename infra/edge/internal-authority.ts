import * as pulumi from '@pulumi/pulumi';
import * as tls from '@pulumi/tls';

const HOURS_A_DAY = 24;
const AUTHORITY_DAYS = 3650;
/** Browsers and the libraries of most clients refuse certificates that are valid for more than 398 days. */
const CERTIFICATE_DAYS = 397;
/** So long before its end the next update makes a new one. */
const RENEWAL_DAYS = 60;

/**
 * An authority of this stack alone and a certificate of it for one name. Clients must be given the authority's
 * certificate; whoever has the stack's state can issue more.
 */
export class InternalAuthority extends pulumi.ComponentResource {
  /** PEM text of the authority's certificate; not secret. */
  readonly authority: pulumi.Output<string>;
  /** PEM text of the server's certificate. */
  readonly certificate: pulumi.Output<string>;
  readonly key: pulumi.Output<string>;

  constructor(name: string, domain: string, options?: pulumi.ComponentResourceOptions) {
    super('lakehouse:index:InternalAuthority', name, {}, options);
    const parent = { parent: this };
    const ec = { algorithm: 'ECDSA', ecdsaCurve: 'P256' };
    const authorityKey = new tls.PrivateKey(`${name}-authority-key`, ec, parent);
    const authority = new tls.SelfSignedCert(
      `${name}-authority`,
      {
        privateKeyPem: authorityKey.privateKeyPem,
        subject: { commonName: `lakehouse-mcp authority of ${domain}` },
        isCaCertificate: true,
        allowedUses: ['cert_signing', 'crl_signing'],
        validityPeriodHours: AUTHORITY_DAYS * HOURS_A_DAY,
        earlyRenewalHours: (CERTIFICATE_DAYS + RENEWAL_DAYS) * HOURS_A_DAY,
        setSubjectKeyId: true,
      },
      parent,
    );
    const key = new tls.PrivateKey(`${name}-key`, ec, parent);
    const request = new tls.CertRequest(
      `${name}-request`,
      {
        privateKeyPem: key.privateKeyPem,
        subject: { commonName: domain },
        dnsNames: [domain],
      },
      parent,
    );
    const certificate = new tls.LocallySignedCert(
      `${name}-certificate`,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: authorityKey.privateKeyPem,
        caCertPem: authority.certPem,
        allowedUses: ['digital_signature', 'key_agreement', 'server_auth'],
        validityPeriodHours: CERTIFICATE_DAYS * HOURS_A_DAY,
        earlyRenewalHours: RENEWAL_DAYS * HOURS_A_DAY,
      },
      parent,
    );
    this.authority = authority.certPem;
    this.certificate = certificate.certPem;
    this.key = key.privateKeyPem;
    this.registerOutputs({});
  }
}
