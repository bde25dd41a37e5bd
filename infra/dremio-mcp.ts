import * as pulumi from '@pulumi/pulumi';
import type { ClientKeys } from './config/client-keys.ts';
import type { Config } from './config.ts';
import { buildImage, imageBase } from './images.ts';
import type { MadeSecret } from './made-secret.ts';
import { type Handle, type Network, nodeProbe, type Platform } from './platform/platform.ts';
import {
  PROXY_DESCRIPTORS,
  proxyEnvironment,
  proxyMemoryMiB,
  STOP_DELAY_SECONDS,
} from './proxy.ts';

/** How to reach the Dremio behind the MCP URL, as seen from the containers. */
export interface DremioAddress {
  readonly url: string;
  readonly username: string;
  readonly password: pulumi.Output<string>;
  /** Whether the way there is said to be closed to others, so that it may be plain http. */
  readonly internal: boolean;
  /** Whether the first user of a Dremio that has none is created from these credentials. */
  readonly createFirstUser: boolean;
  /** PEM text of the authority behind its certificate. */
  readonly ca?: string;
  /** Its name resolves to the machine that the containers run on. */
  readonly onHost: boolean;
  /** What must be ready before anyone logs in. */
  readonly after: readonly Handle[];
}

export interface DremioMcpArgs {
  readonly config: Config;
  readonly platform: Platform;
  readonly dremio: DremioAddress;
  /** Without a way out; the two services find each other on it. */
  readonly internal: Network;
  /** Where the MCP port is published. */
  readonly edge: Network;
  /** Where a scraper is, if one is let in. */
  readonly monitoring: readonly Network[];
  /** How the services reach a Dremio outside the stack; none for the demo. */
  readonly egress: readonly Network[];
  /** Bearer keys of MCP clients, by name. */
  readonly keys: pulumi.Output<ClientKeys>;
  /** Signs session ids; those of the one beside it are valid, too. */
  readonly sessionSecret: MadeSecret;
}

const GROUP = 10000;
const REFRESHER = { uid: 10001, gid: GROUP };
const PROXY = { uid: 10002, gid: GROUP };
const TOKEN_FOLDER = '/var/lib/lakehouse/token';

/**
 * Dremio behind MCP: a refresher that keeps a login token fresh in a shared file, and a proxy that serves the
 * official Dremio MCP server and adds the token to its requests.
 */
export class DremioMcp extends pulumi.ComponentResource {
  readonly refresher: Handle;
  readonly proxy: Handle;

  constructor(name: string, args: DremioMcpArgs, options?: pulumi.ComponentResourceOptions) {
    super('lakehouse:index:DremioMcp', name, {}, options);
    const { config, platform, dremio } = args;
    const { production } = config;
    const node = imageBase(config.nodeImage);
    const labels = dremio.internal ? { 'lakehouse.dremio.internal': 'true' } : {};
    const token = platform.memoryVolume(
      'token',
      // The set-group-id bit gives new files the group that the proxy is in.
      { sizeKiB: 64, uid: REFRESHER.uid, gid: GROUP, mode: 0o2750 },
      this,
    );
    const ca = dremio.ca === undefined ? {} : { 'dremio-ca.pem': pulumi.output(dremio.ca) };
    const shared = {
      DREMIO_URL: dremio.url,
      LOG_LEVEL: config.logLevel,
      TOKEN_FILE: `${TOKEN_FOLDER}/token.json`,
      ...(dremio.ca === undefined ? {} : { DREMIO_CA_FILE: '/run/secrets/dremio-ca.pem' }),
    };
    this.refresher = platform.service(
      {
        component: 'refresher',
        image: buildImage('refresher', config, this, { NODE_IMAGE: node }),
        user: REFRESHER,
        // The token lives in the memory of one machine.
        instances: 'one on each node',
        probe: nodeProbe,
        labels,
        environment: {
          ...shared,
          DREMIO_USERNAME: dremio.username,
          DREMIO_PASSWORD_FILE: '/run/secrets/dremio-password',
          CREATE_FIRST_USER: String(dremio.createFirstUser),
          CHECK_INTERVAL: String(config.token.checkInterval),
          REFRESH_MARGIN: String(config.token.refreshMargin),
          LOGOUT_REPLACED_AFTER: String(config.token.logoutAfter),
        },
        secrets: { 'dremio-password': dremio.password, ...ca },
        liveSecrets: {},
        mounts: [{ volume: token, path: TOKEN_FOLDER, readOnly: false }],
        networks: [args.internal, ...args.egress, ...args.monitoring],
        ports: [],
        memoryMiB: 160,
        cpus: 0.5,
        descriptors: 4096,
        temporaryMiB: 8,
        stopGraceSeconds: 10,
        startSeconds: 120,
        reachesHost: dremio.onHost,
        after: dremio.after,
      },
      this,
    );
    this.proxy = platform.service(
      {
        component: 'proxy',
        image: buildImage('proxy', config, this, {
          NODE_IMAGE: node,
          ...(config.dremioMcpRevision === undefined
            ? {}
            : { DREMIO_MCP_REVISION: config.dremioMcpRevision }),
        }),
        user: PROXY,
        instances: production?.proxyReplicas ?? 1,
        probe: nodeProbe,
        labels,
        environment: {
          ...shared,
          REFRESHER_URL: 'http://refresher:9090',
          MCP_KEYS_FILE: '/run/secrets/mcp-keys.json',
          SESSION_SECRET_FILE: '/run/secrets/session-secret',
          ...proxyEnvironment(config),
        },
        secrets: { 'session-secret': lines(args.sessionSecret), ...ca },
        liveSecrets: { 'mcp-keys.json': args.keys.apply((keys) => JSON.stringify(keys)) },
        mounts: [{ volume: token, path: TOKEN_FOLDER, readOnly: true }],
        networks: [args.internal, args.edge, ...args.egress, ...args.monitoring],
        // On loopback only: who may use this machine may knock, and still needs a key. In production the edge knocks.
        ports: production ? [] : [{ inside: 8080, outside: config.mcpPort, address: '127.0.0.1' }],
        memoryMiB: proxyMemoryMiB(config.children),
        cpus: 2,
        descriptors: PROXY_DESCRIPTORS,
        temporaryMiB: 64,
        stopGraceSeconds: 35 + (production ? STOP_DELAY_SECONDS : 0),
        startSeconds: 180,
        reachesHost: dremio.onHost,
        after: [this.refresher],
      },
      this,
    );
    this.registerOutputs({});
  }
}

/** A line for each that is valid; the first signs. */
const lines = ({ current, beside }: MadeSecret): pulumi.Output<string> =>
  beside === undefined ? current : pulumi.interpolate`${current}\n${beside}`;
