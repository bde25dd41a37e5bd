/** Settings of the proxy; docs/settings.md is made from them. */
import { commonSettings } from '../../kit/src/service.ts';
import { setting, type Values } from '../../kit/src/settings.ts';
import { TOKEN_FILE } from '../../kit/src/token-file.ts';
import { SHORTEST_SECRET } from './era/session-id.ts';
import { hostWord, originWord } from './front/hosts.ts';
import { MOST_IN_FLIGHT, SHORTEST_KEY } from './front/key-file.ts';
import { toolPattern } from './policy/rules.ts';

const MIB = 1024 * 1024;

export const proxySettings = {
  ...commonSettings,
  port: setting.integer({
    variable: 'PORT',
    doc: 'TCP port of the MCP endpoint, which is served at `/mcp`',
    min: 0,
    max: 65535,
    fallback: '8080',
  }),
  keysFile: setting.secretFile({
    variable: 'MCP_KEYS_FILE',
    content: `a JSON object from name to key, of at least ${SHORTEST_KEY} characters, to a list of such keys, or to an object with keys and options`,
    doc: 'bearer keys of the MCP endpoint; all keys of a list are valid, such as the current and the next one; options bound the tools and requests of a client; read again when it changes',
    fallback: '/run/secrets/mcp-keys.json',
  }),
  sessionSecretFile: setting.secretFile({
    variable: 'SESSION_SECRET_FILE',
    content: `a secret of at least ${SHORTEST_SECRET} characters on one line`,
    doc: 'signs session ids, the same for every replica; without it one is made at start, and sessions end with the process',
    optional: true,
  }),
  sessionLife: setting.integer({
    variable: 'SESSION_LIFE',
    doc: 'how long a session id is valid after it was given out',
    min: 60,
    max: 31_536_000,
    unit: 'seconds',
    fallback: '604800',
  }),
  allowedHosts: setting.list({
    variable: 'ALLOWED_HOSTS',
    doc: 'values of the `Host` header that are served besides `localhost`, `127.0.0.1` and `[::1]`; a name without a port allows every port',
    word: hostWord,
    optional: true,
  }),
  allowedOrigins: setting.list({
    variable: 'ALLOWED_ORIGINS',
    doc: 'values of the `Origin` header that are served besides `http` on the loopback hosts',
    word: originWord,
    optional: true,
  }),
  dremioUrl: setting.url({
    variable: 'DREMIO_URL',
    doc: 'where Dremio is, for example `https://dremio.example:9047`; a path prefix is kept',
  }),
  dremioCaFile: setting.textFile({
    variable: 'DREMIO_CA_FILE',
    content: 'certificates as PEM text',
    doc: "certificates of the authorities that Dremio's certificate must come from, instead of the public ones",
    optional: true,
  }),
  tokenFile: setting.path({
    variable: 'TOKEN_FILE',
    doc: 'the token file that the refresher writes',
    fallback: TOKEN_FILE,
  }),
  refresherUrl: setting.url({
    variable: 'REFRESHER_URL',
    doc: 'operations address of the refresher, told when Dremio refuses a token, for example `http://refresher:9090`',
    optional: true,
  }),
  callTimeout: setting.integer({
    variable: 'CALL_TIMEOUT',
    doc: 'how long one MCP request may take',
    min: 1,
    max: 3600,
    unit: 'seconds',
    fallback: '120',
  }),
  tokenWait: setting.integer({
    variable: 'TOKEN_WAIT',
    doc: 'how long a request to Dremio waits for a valid token before it fails',
    min: 0,
    max: 60,
    unit: 'seconds',
    fallback: '10',
  }),
  resultLimit: setting.integer({
    variable: 'RESULT_LIMIT',
    doc: 'largest result that one query may fetch from Dremio, all pages together; also the limit of any other answer of Dremio',
    min: 1024,
    max: 256 * MIB,
    unit: 'bytes',
    fallback: String(8 * MIB),
  }),
  messageLimit: setting.integer({
    variable: 'MESSAGE_LIMIT',
    doc: 'largest message taken from the MCP server',
    min: 1024,
    max: 256 * MIB,
    unit: 'bytes',
    fallback: String(32 * MIB),
  }),
  bodyLimit: setting.integer({
    variable: 'BODY_LIMIT',
    doc: 'largest request body taken from a client',
    min: 1024,
    max: 64 * MIB,
    unit: 'bytes',
    fallback: String(4 * MIB),
  }),
  maxInFlight: setting.integer({
    variable: 'MAX_IN_FLIGHT',
    doc: 'most MCP requests at the server at once; more wait',
    min: 1,
    max: MOST_IN_FLIGHT,
    fallback: '64',
  }),
  maxInFlightPerKey: setting.integer({
    variable: 'MAX_IN_FLIGHT_PER_KEY',
    doc: 'most MCP requests of one key at once, running and waiting; more are refused (429)',
    min: 1,
    max: MOST_IN_FLIGHT,
    fallback: '256',
  }),
  maxInFlightPerSession: setting.integer({
    variable: 'MAX_IN_FLIGHT_PER_SESSION',
    doc: 'most MCP requests of one session at once, running and waiting; more are refused (429)',
    min: 1,
    max: MOST_IN_FLIGHT,
    fallback: '256',
  }),
  queueLength: setting.integer({
    variable: 'QUEUE_LENGTH',
    doc: 'most MCP requests that wait for a place at the server; more are refused (503)',
    min: 0,
    max: MOST_IN_FLIGHT,
    fallback: '512',
  }),
  queueWait: setting.number({
    variable: 'QUEUE_WAIT',
    doc: 'how long an MCP request waits for a place at the server before it is refused (503)',
    min: 0.1,
    max: 3600,
    unit: 'seconds',
    fallback: '5',
  }),
  toolsAllow: setting.list({
    variable: 'TOOLS_ALLOW',
    doc: 'the only tools that are offered; all when it is not set',
    word: toolPattern,
    optional: true,
  }),
  toolsDeny: setting.list({
    variable: 'TOOLS_DENY',
    doc: 'tools that are not offered, whatever else allows them',
    word: toolPattern,
    optional: true,
  }),
  toolsReadOnly: setting.flag({
    variable: 'TOOLS_READ_ONLY',
    doc: 'offers only tools that the server marks read-only (`readOnlyHint`); none of a server that marks none',
    fallback: 'false',
  }),
  auditSql: setting.flag({
    variable: 'AUDIT_SQL',
    doc: 'writes the text of SQL statements into the audit, up to 4,000 characters',
    fallback: 'false',
  }),
  drainTimeout: setting.integer({
    variable: 'DRAIN_TIMEOUT',
    doc: 'how long calls in flight may take to finish after SIGTERM',
    min: 0,
    max: 600,
    unit: 'seconds',
    fallback: '25',
  }),
  childCommand: setting.path({
    variable: 'CHILD_COMMAND',
    doc: 'the executable of the official Dremio MCP server',
    fallback: '/opt/dremio-mcp/bin/dremio-mcp-server',
  }),
  childFolder: setting.path({
    variable: 'CHILD_FOLDER',
    doc: 'folder, on a tmpfs, in which each child gets a private folder for its configuration',
    fallback: '/tmp',
  }),
  serverMode: setting.text({
    variable: 'SERVER_MODE',
    doc: 'which tools the official MCP server offers: those for data (`FOR_DATA_PATTERNS`), those about the cluster itself (`FOR_SELF`), or both',
    pattern: /^FOR_(DATA_PATTERNS|SELF)(,FOR_(DATA_PATTERNS|SELF))*$/,
    allowed: 'FOR_DATA_PATTERNS, FOR_SELF, or both separated by a comma',
    fallback: 'FOR_DATA_PATTERNS',
  }),
  pollingInterval: setting.number({
    variable: 'POLLING_INTERVAL',
    doc: 'time between two looks of the official server at a running query',
    min: 0.05,
    max: 60,
    unit: 'seconds',
    fallback: '1',
  }),
  allowDml: setting.flag({
    variable: 'ALLOW_DML',
    doc: 'lets the tool `RunSqlQuery` change data',
    fallback: 'false',
  }),
} as const;

export type ProxySettings = Values<typeof proxySettings>;
