/** What only a production stack has: nodes, an edge with TLS, images that others can pull. */
import * as pulumi from '@pulumi/pulumi';
import { passwordProblems } from '../rules/passwords.ts';
import { certificatePairProblems } from './certificate-pair.ts';
import { command, type Key, type Raw } from './keys.ts';

/** Where the certificate of the edge comes from. */
export type Tls =
  | {
      readonly mode: 'acme';
      readonly email?: string;
      /** URL of the authority's directory; Let's Encrypt's when left out. */
      readonly directory?: string;
      /** PEM text that the directory's own certificate must come from. */
      readonly ca?: string;
    }
  | { readonly mode: 'files'; readonly certificate: string; readonly key: pulumi.Output<string> }
  | { readonly mode: 'internal' }
  | { readonly mode: 'none' };

export interface Production {
  readonly domain: string;
  /** What clients call, without `/mcp`. */
  readonly publicUrl: string;
  readonly pathPrefix: string;
  readonly httpsPort: number;
  /** 0 = none. */
  readonly httpPort: number;
  readonly trustedProxies: readonly string[];
  readonly tls: Tls;
  /** `label=value` of the nodes for refresher and proxies, and of the one for the edge. */
  readonly nodeLabel: string;
  readonly edgeNodeLabel: string;
  readonly proxyReplicas: number;
}

/** Keys without default that mean nothing outside production. */
const PRODUCTION_ONLY = [
  'domain',
  'publicUrl',
  'pathPrefix',
  'trustedProxies',
  'tlsCertificate',
  'tlsKey',
  'acmeEmail',
  'acmeDirectory',
  'acmeCa',
  'edgeNodeLabel',
  'registry',
  'registryUsername',
  'registryPassword',
] as const satisfies readonly Key[];

/** Names kept for examples (RFC 2606): good for a preview, never for a deployment. */
const EXAMPLE = /(^|\.)example(\.com|\.net|\.org)?$/;
/** Auto-named secrets of the longest component must fit into 64 characters. */
const LONGEST_STACK = 20;

export interface Circumstances {
  readonly stack: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A preview may show what a deployment refuses. */
  readonly preview: boolean;
}

/** What production needs or refuses, a sentence each with the command that mends it. */
export function productionProblems(
  raw: Partial<Raw>,
  { stack, now, preview }: Circumstances,
): string[] {
  if (raw.platform !== 'swarm') {
    return [
      ...(stack === 'prod'
        ? [
            'The stack "prod" is on plain containers; production runs on Swarm. Set it: npm run up -- --set platform=swarm',
          ]
        : []),
      ...PRODUCTION_ONLY.filter((key) => raw[key] !== undefined).map(
        (key) =>
          `"${key}" is set and "platform" is containers, which has no use for it. ` +
          `Remove it: npm run up -- --unset ${key}`,
      ),
    ];
  }
  return [
    ...(stack.length > LONGEST_STACK
      ? [
          `The stack is named "${stack}"; on Swarm a name has at most ${LONGEST_STACK} characters, since names of its secrets are made of it.`,
        ]
      : []),
    ...dremioProblems(raw),
    ...(preview ? [] : exampleProblems(raw)),
    ...edgeProblems(raw),
    ...tlsProblems(raw, now),
    ...imageProblems(raw),
  ];
}

function dremioProblems(raw: Partial<Raw>): string[] {
  const { demo, dremioUrl, dremioUsername, dremioPassword, dremioInternal } = raw;
  const open = dremioUrl?.protocol === 'http:' && dremioInternal !== true;
  return [
    ...(demo
      ? [
          '"demo" is true; production has no demo Dremio. Use your own: npm run up -- --set demo=false --set dremioUrl=… --set dremioUsername=… --set-secret dremioPassword',
        ]
      : []),
    ...(open
      ? [
          `"dremioUrl" is ${dremioUrl.origin}, where password and tokens go in clear. Use https, or say that only you can ` +
            'listen on that network: npm run up -- --set dremioInternal=true',
        ]
      : []),
    ...(dremioPassword === undefined
      ? []
      : passwordProblems(dremioPassword, dremioUsername).map(
          (problem) =>
            `"dremioPassword" ${problem}. Change it in Dremio, then: ${command('dremioPassword')}`,
        )),
  ];
}

/** What the repository's own stack config begins with. */
function exampleProblems({ domain, dremioUrl }: Partial<Raw>): string[] {
  return Object.entries({ domain, dremioUrl: dremioUrl?.hostname })
    .filter(([, host]) => host !== undefined && EXAMPLE.test(host))
    .map(
      ([key, host]) =>
        `"${key}" names ${host}, an example. Set yours: ${command(key as 'domain' | 'dremioUrl')}`,
    );
}

function edgeProblems(raw: Partial<Raw>): string[] {
  const { domain, httpsPort, httpPort, childSharing, proxyReplicas = 1, tlsMode } = raw;
  return [
    ...(domain === undefined
      ? [`"domain" is not set; the certificate is for it. Set it: ${command('domain')}`]
      : []),
    ...(httpsPort === httpPort
      ? [`"httpsPort" and "httpPort" both are ${httpPort}. Set one: npm run up -- --set httpPort=0`]
      : []),
    ...(tlsMode === 'none' && httpPort === 0
      ? [
          '"tlsMode" is none and "httpPort" is 0, so that nothing would listen. Set it: npm run up -- --set httpPort=80',
        ]
      : []),
    ...(childSharing === 'session' && proxyReplicas > 1
      ? [
          `"childSharing" is session and "proxyReplicas" is ${proxyReplicas}; a process of one session is on one proxy. ` +
            'Keep one: npm run up -- --set proxyReplicas=1, or npm run up -- --set childSharing=call',
        ]
      : []),
  ];
}

/** Keys that belong to one mode of TLS. */
const TLS_KEYS = {
  acme: ['acmeEmail', 'acmeDirectory', 'acmeCa'],
  files: ['tlsCertificate', 'tlsKey'],
} as const satisfies Record<string, readonly Key[]>;

function tlsProblems(raw: Partial<Raw>, now: number): string[] {
  const { tlsMode = 'acme', tlsEndsElsewhere, publicUrl, domain, tlsCertificate, tlsKey } = raw;
  const strangers = Object.entries(TLS_KEYS)
    .filter(([mode]) => mode !== tlsMode)
    .flatMap(([, keys]) => keys.filter((key) => raw[key] !== undefined));
  const missing = tlsMode === 'files' ? TLS_KEYS.files.filter((key) => raw[key] === undefined) : [];
  return [
    ...strangers.map(
      (key) =>
        `"${key}" is set and "tlsMode" is ${tlsMode}, which has no use for it. Remove it: npm run up -- --unset ${key}`,
    ),
    ...missing.map((key) => `"${key}" is not set; tlsMode files needs it. Set it: ${command(key)}`),
    ...(tlsMode === 'none' && !tlsEndsElsewhere
      ? [
          '"tlsMode" is none, so that keys and data travel in clear from here on. If TLS ends at a reverse proxy of yours: ' +
            'npm run up -- --set tlsEndsElsewhere=true --set publicUrl=https://…',
        ]
      : []),
    ...(tlsMode === 'none' && publicUrl === undefined
      ? [
          `"publicUrl" is not set; with tlsMode none only you know what clients call. Set it: ${command('publicUrl')}`,
        ]
      : []),
    ...(tlsMode !== 'none' && tlsEndsElsewhere
      ? [
          `"tlsEndsElsewhere" is true and "tlsMode" is ${tlsMode}. Keep one: npm run up -- --unset tlsEndsElsewhere, or npm run up -- --set tlsMode=none`,
        ]
      : []),
    ...(tlsMode === 'files' && tlsCertificate && tlsKey && domain
      ? certificatePairProblems({ certificate: tlsCertificate, key: tlsKey, domain, now })
      : []),
  ];
}

function imageProblems(raw: Partial<Raw>): string[] {
  const { registry, registryUsername, registryPassword } = raw;
  const named = { registryUsername, registryPassword };
  return Object.entries(named).flatMap(([key, value]) => {
    const [other] = Object.keys(named).filter((name) => name !== key) as Key[];
    if (value === undefined || other === undefined) return [];
    if (registry === undefined)
      return [
        `"${key}" is set without "registry". Set it: ${command('registry')}, or npm run up -- --unset ${key}`,
      ];
    return raw[other] === undefined
      ? [
          `"${key}" is set without "${other}". Set it: ${command(other)}, or npm run up -- --unset ${key}`,
        ]
      : [];
  });
}

/** The production part of a config without problems; undefined on plain containers. */
export function readProduction(raw: Raw): Production | undefined {
  const { platform, domain, httpsPort, pathPrefix = '' } = raw;
  if (platform !== 'swarm' || domain === undefined) return undefined;
  const port = httpsPort === 443 ? '' : `:${httpsPort}`;
  return {
    domain,
    publicUrl: raw.publicUrl ?? `https://${domain}${port}${pathPrefix}`,
    pathPrefix,
    httpsPort,
    httpPort: raw.httpPort,
    trustedProxies: raw.trustedProxies ?? [],
    tls: readTls(raw),
    nodeLabel: raw.nodeLabel,
    edgeNodeLabel: raw.edgeNodeLabel ?? raw.nodeLabel,
    proxyReplicas: raw.proxyReplicas,
  };
}

function readTls(raw: Raw): Tls {
  const { tlsMode: mode, tlsCertificate = '', tlsKey = '' } = raw;
  if (mode === 'files') return { mode, certificate: tlsCertificate, key: pulumi.secret(tlsKey) };
  if (mode !== 'acme') return { mode };
  const { acmeEmail: email, acmeDirectory: directory, acmeCa: ca } = raw;
  return {
    mode,
    ...(email === undefined ? {} : { email }),
    ...(directory === undefined ? {} : { directory }),
    ...(ca === undefined ? {} : { ca }),
  };
}
