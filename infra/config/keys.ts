import { clientKeys, TOOL_PATTERN } from './client-keys.ts';
import {
  certificate,
  flag,
  httpUrl,
  type Kind,
  listOf,
  matching,
  network,
  number,
  oneOf,
  privateKey,
  zeroOr,
} from './values.ts';

const requests = (min: number, max = 10_000) => number({ min, max, whole: true });
const seconds = (min: number, max: number) => number({ min, max, unit: 'seconds', whole: true });
const HOST =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** A host name as the proxy takes it (images/proxy/src/front/hosts.ts). */
const NAME = '[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*';
const publicUrl = matching(
  new RegExp(`^https://${NAME}(:\\d{1,5})?(/[A-Za-z0-9._~-]+)*$`),
  'an https URL without final slash, query or user',
  'https://mcp.your-company.com',
);
const image = (example: string) => matching(/^[\w.\-/:@]+$/, 'an image reference', example);
const nodeLabel = matching(
  /^[A-Za-z0-9_.-]+=[A-Za-z0-9_.-]+$/,
  'a label of nodes and its value',
  'lakehouse=true',
);
const generation = number({ min: 0, max: 1_000_000, whole: true });
const tools = listOf(
  matching(TOOL_PATTERN, 'the name of a tool, or its beginning with a * behind', 'Get*'),
);

/** Every config key of a stack; defaults and descriptions stand in Pulumi.yaml. */
export const keys = {
  platform: oneOf('containers', 'swarm'),
  demo: flag,
  demoTokenLife: number({ min: 5, max: 315_360_000, unit: 'seconds', whole: true }),
  dremioUrl: httpUrl,
  dremioUsername: matching(
    // No quotation mark or colon, as Dremio wants it (`UserServiceUtils`), and no white space around it.
    /^(?!\s)[^":\r\n]+(?<!\s)$/,
    'a Dremio user name: without " and :, and without white space around it',
    'analyst',
  ),
  dremioPassword: matching(/^[^\r\n]+$/, 'a password of one line', ''),
  dremioCa: certificate,
  dremioNetwork: matching(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'the name of a Docker network', 'dremio'),
  dremioInternal: flag,
  dremioCreateFirstUser: flag,
  tokenCheckInterval: number({ min: 5, max: 3600, unit: 'seconds', whole: true }),
  tokenRefreshMargin: number({ min: 1, max: 31_536_000, unit: 'seconds', whole: true }),
  // A call may take two minutes, and one that began before a rotation still uses the replaced token.
  tokenLogoutAfter: zeroOr(number({ min: 120, max: 604_800, unit: 'seconds', whole: true })),
  mcpPort: number({ min: 1, max: 65_535, whole: true }),
  mcpKey: matching(/^[A-Za-z0-9\-._~+/]{32,}$/, '32 or more letters, digits and -._~+/', ''),
  mcpKeys: clientKeys,
  mcpKeyGeneration: generation,
  mcpKeyOverlap: flag,
  sessionSecretGeneration: generation,
  sessionSecretNext: flag,
  domain: matching(HOST, 'a host name in small letters', 'mcp.your-company.com'),
  // A port may have five digits and be none.
  publicUrl: {
    ...publicUrl,
    parse: (text) => (URL.canParse(text) ? publicUrl.parse(text) : undefined),
  },
  pathPrefix: matching(
    /^(\/[A-Za-z0-9._~-]+)+$/,
    'a path that begins with a slash and does not end with one',
    '/lakehouse',
  ),
  httpsPort: number({ min: 1, max: 65_535, whole: true }),
  httpPort: zeroOr(number({ min: 1, max: 65_535, whole: true })),
  trustedProxies: listOf(network),
  tlsMode: oneOf('acme', 'files', 'internal', 'none'),
  tlsEndsElsewhere: flag,
  tlsCertificate: certificate,
  tlsKey: privateKey,
  acmeEmail: matching(/^[^\s@]+@[^\s@]+$/, 'an e-mail address', 'ops@your-company.com'),
  acmeDirectory: matching(
    /^https:\/\/[^\s"]+$/,
    'the https URL of an ACME directory',
    'https://acme-staging-v02.api.letsencrypt.org/directory',
  ),
  acmeCa: certificate,
  nodeLabel,
  edgeNodeLabel: nodeLabel,
  proxyReplicas: number({ min: 1, max: 16, whole: true }),
  monitoring: flag,
  registry: matching(
    /^[a-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._-]+)+$/,
    'a registry with the path below which images are kept, in small letters',
    'registry.your-company.com/lakehouse',
  ),
  registryUsername: matching(/^\S+$/, 'a user name', 'deploy'),
  registryPassword: matching(/^[^\r\n]+$/, 'a password or token of one line', ''),
  allowedHosts: listOf(
    matching(new RegExp(`^${NAME}$`), 'a host name without port', 'mcp.example'),
  ),
  allowedOrigins: listOf(
    matching(new RegExp(`^https?://${NAME}(:\\d{1,5})?$`), 'a web origin', 'https://app.example'),
  ),
  serverMode: listOf(oneOf('FOR_DATA_PATTERNS', 'FOR_SELF')),
  pollingInterval: number({ min: 0.1, max: 60, unit: 'seconds' }),
  allowDml: flag,
  toolsAllow: tools,
  toolsDeny: tools,
  toolsReadOnly: flag,
  auditSql: flag,
  callTimeout: seconds(1, 3600),
  clientAnswerTimeout: seconds(1, 3600),
  // Each takes two of the proxy's descriptors (infra/proxy.ts).
  maxInFlight: requests(1, 4096),
  maxInFlightPerKey: requests(1),
  maxInFlightPerSession: requests(1),
  queueLength: requests(0),
  queueWait: number({ min: 0.1, max: 3600, unit: 'seconds' }),
  childCount: number({ min: 1, max: 16, whole: true }),
  childSharing: oneOf('shared', 'call', 'session'),
  childMaxCalls: zeroOr(number({ min: 1, max: 1_000_000_000, whole: true })),
  childMaxAge: zeroOr(seconds(60, 31_536_000)),
  // A fresh child takes 125 MiB, and a little more after its first calls: less would replace it for ever.
  childMaxMemory: zeroOr(number({ min: 192, max: 4096, unit: 'MiB', whole: true })),
  childIdle: seconds(1, 604_800),
  dremioMcpRevision: matching(/^[0-9a-f]{40}$/, 'a full git revision, 40 hex digits', 'e6c9cd…'),
  nodeImage: image('docker.io/library/node:24-bookworm-slim'),
  caddyImage: image('docker.io/library/caddy:2.10-alpine'),
  imagePlatform: oneOf('linux/amd64', 'linux/arm64'),
  logLevel: oneOf('debug', 'info', 'warn', 'error'),
} as const satisfies Record<string, Kind<unknown>>;

export type Key = keyof typeof keys;

/** Keys that always have a value, because Pulumi.yaml declares a default for them. */
const withDefault = [
  'platform',
  'demo',
  'demoTokenLife',
  'dremioInternal',
  'dremioCreateFirstUser',
  'tokenCheckInterval',
  'tokenRefreshMargin',
  'tokenLogoutAfter',
  'mcpPort',
  'mcpKeyGeneration',
  'mcpKeyOverlap',
  'sessionSecretGeneration',
  'sessionSecretNext',
  'httpsPort',
  'httpPort',
  'tlsMode',
  'tlsEndsElsewhere',
  'nodeLabel',
  'proxyReplicas',
  'monitoring',
  'serverMode',
  'pollingInterval',
  'allowDml',
  'toolsReadOnly',
  'auditSql',
  'callTimeout',
  'clientAnswerTimeout',
  'maxInFlight',
  'maxInFlightPerKey',
  'maxInFlightPerSession',
  'queueLength',
  'queueWait',
  'childCount',
  'childSharing',
  'childMaxCalls',
  'childMaxAge',
  'childMaxMemory',
  'childIdle',
  'nodeImage',
  'caddyImage',
  'imagePlatform',
  'logLevel',
] as const satisfies readonly Key[];
export const defaulted: ReadonlySet<Key> = new Set(withDefault);

type Value<K extends Key> = NonNullable<ReturnType<(typeof keys)[K]['parse']>>;
/** Parsed values by key. */
export type Raw = { readonly [K in (typeof withDefault)[number]]: Value<K> } & {
  readonly [K in Key]?: Value<K>;
};

/** What the secrets mean; they have no entry in Pulumi.yaml, since Pulumi would make them required. */
export const secrets: { readonly [K in Key]?: string } = {
  dremioPassword: 'Password of `dremioUsername`; needed with it.',
  mcpKey:
    'Key of the only MCP client, `default`; one is made when neither it nor `mcpKeys` is set.',
  mcpKeys:
    'Keys of several MCP clients, with what each may do, as [the key file](keys-and-audit.md#the-key-file); a change needs no restart.',
  tlsKey: 'Private key of `tlsCertificate`, as PEM text; needed with `tlsMode` files.',
  registryPassword: 'Password or token of `registryUsername`.',
};

/** Keys whose values must be encrypted in the stack's config. */
export const secretKeys: ReadonlySet<string> = new Set(Object.keys(secrets));

/** The command that sets a key, for error messages. */
export function command(key: Key): string {
  return secretKeys.has(key)
    ? `npm run up -- --set-secret ${key}`
    : `npm run up -- --set ${key}=${keys[key].example}`;
}
