import * as pulumi from '@pulumi/pulumi';
import type { Production } from './config/production.ts';
import type { Config } from './config.ts';
import { caddyfile } from './edge/caddyfile.ts';
import { InternalAuthority } from './edge/internal-authority.ts';
import { buildImage, imageBase } from './images.ts';
import type { Handle, Health, Network, Platform } from './platform/platform.ts';

export interface EdgeArgs {
  readonly config: Config;
  readonly production: Production;
  readonly platform: Platform;
  /** Where the proxies are; the edge asks their operations port, too. */
  readonly inside: Network;
  /** Where its ports are published, and its way out to an ACME authority. */
  readonly outside: Network;
  readonly monitoring: readonly Network[];
  /** Name that leads to all proxies, and what must be ready first. */
  readonly upstream: string;
  readonly after: readonly Handle[];
}

const USER = { uid: 10004, gid: 10000 };
const HTTPS = 8443;
const HTTP = 8080;
const SECRETS = '/run/secrets';
/** Just above what a proxy accepts, so that the proxy's own error reaches the client. */
const MAX_BODY_BYTES = 5 * 1024 * 1024;

/** Caddy's image has no Node; wget is busybox's there. */
const probe = (health: Health) => [
  'wget',
  '-q',
  '-O',
  '/dev/null',
  `http://127.0.0.1:9090/${health}`,
];

/** What clients reach: TLS, one URL, and behind it whichever proxy works. The only published ports of production. */
export class Edge extends pulumi.ComponentResource {
  /** Certificate of the authority that clients must be given; none where they know it. */
  readonly authority?: pulumi.Output<string>;

  constructor(name: string, args: EdgeArgs, options?: pulumi.ComponentResourceOptions) {
    super('lakehouse:index:Edge', name, {}, options);
    const { config, production, platform } = args;
    const { tls, domain, httpsPort, httpPort, pathPrefix, trustedProxies } = production;
    const files: Record<string, pulumi.Output<string>> = {};
    if (tls.mode === 'files')
      Object.assign(files, { 'tls.crt': pulumi.output(tls.certificate), 'tls.key': tls.key });
    if (tls.mode === 'internal') {
      const made = new InternalAuthority(`${name}-tls`, domain, { parent: this });
      this.authority = made.authority;
      Object.assign(files, { 'tls.crt': made.certificate, 'tls.key': made.key });
    }
    if (tls.mode === 'acme' && tls.ca !== undefined) files['acme-ca.pem'] = pulumi.output(tls.ca);
    files.Caddyfile = pulumi.output(
      caddyfile({
        tls: tls.mode === 'internal' ? 'files' : tls.mode,
        domain,
        httpsPort,
        httpPort,
        pathPrefix,
        upstream: { name: args.upstream, port: 8080 },
        trustedProxies,
        ...(tls.mode === 'acme'
          ? {
              acme: {
                ...(tls.email === undefined ? {} : { email: tls.email }),
                ...(tls.directory === undefined ? {} : { directory: tls.directory }),
                ...(tls.ca === undefined ? {} : { caFile: `${SECRETS}/acme-ca.pem` }),
              },
            }
          : {}),
        maxBodyBytes: MAX_BODY_BYTES,
        logLevel: config.logLevel,
        callTimeoutSeconds: config.limits.callTimeout,
      }),
    );
    const address = '0.0.0.0';
    platform.service(
      {
        component: 'edge',
        image: buildImage('edge', config, this, { CADDY_IMAGE: imageBase(config.caddyImage) }),
        user: USER,
        instances: 1,
        nodeLabel: production.edgeNodeLabel,
        probe,
        environment: {},
        secrets: files,
        liveSecrets: {},
        // Certificates by ACME: asking for them anew too often is refused.
        mounts:
          tls.mode === 'acme'
            ? [{ volume: platform.dataVolume('edge-data', this), path: '/data', readOnly: false }]
            : [],
        networks: [args.inside, args.outside, ...args.monitoring],
        ports: [
          ...(tls.mode === 'none' ? [] : [{ inside: HTTPS, outside: httpsPort, address }]),
          ...(httpPort === 0 ? [] : [{ inside: HTTP, outside: httpPort, address }]),
        ],
        memoryMiB: 256,
        cpus: 1,
        descriptors: 16_384,
        temporaryMiB: 16,
        // Twice what the Caddyfile gives to calls under way: nobody is served until the next one has the ports.
        stopGraceSeconds: 10,
        startSeconds: 60,
        reachesHost: false,
        after: args.after,
      },
      this,
    );
    this.registerOutputs({});
  }
}
