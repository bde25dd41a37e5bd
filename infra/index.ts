/** The program: config, components, outputs. */
import * as pulumi from '@pulumi/pulumi';
import { clientSettings } from './client-settings.ts';
import { type ClientKeys, currentKeys } from './config/client-keys.ts';
import { loadConfig } from './config.ts';
import { DremioMcp } from './dremio-mcp.ts';
import { dremioAddress } from './dremio-source.ts';
import { Edge } from './edge.ts';
import { announceBaseImage, requirePins } from './images.ts';
import { madeSecret } from './made-secret.ts';
import { platformOf } from './platform/index.ts';

const config = loadConfig();
const { production } = config;
requirePins(config);
announceBaseImage(config);
const platform = platformOf(config);

const stack = new pulumi.ComponentResource('lakehouse:index:Lakehouse', config.stack);
const internal = platform.network('internal', { internal: true }, stack);
const edge = platform.network('edge', { internal: production !== undefined }, stack);
const monitoring = config.monitoring
  ? [platform.network('monitoring', { internal: true, open: true }, stack)]
  : [];
const { dremio, egress } = dremioAddress(config, platform, [internal, ...monitoring], stack);

const keys = pulumi.secret(config.mcpKeys ?? madeKeys());

const { proxy } = new DremioMcp(
  'dremio',
  {
    config,
    platform,
    dremio,
    internal,
    edge,
    egress,
    monitoring,
    keys,
    sessionSecret: madeSecret(
      'session-secret',
      config.sessionSecretGeneration,
      config.sessionSecretNext ? 'next' : 'previous',
      stack,
    ),
  },
  { parent: stack },
);

const front =
  production &&
  new Edge(
    'edge',
    {
      config,
      production,
      platform,
      inside: edge,
      outside: platform.network('public', { internal: false }, stack),
      monitoring,
      upstream: platform.nameOfAll('proxy'),
      after: [proxy],
    },
    { parent: stack },
  );

/** Where MCP clients connect. */
export const mcpUrl = `${production?.publicUrl ?? `http://127.0.0.1:${config.mcpPort}`}/mcp`;
/** The current bearer key of each MCP client, by name; secret. */
export const mcpKeys = keys.apply(currentKeys);
/** Settings to paste into the first MCP client, with its key in them; secret. */
export const clientConfig = mcpKeys.apply((all) =>
  clientSettings(mcpUrl, Object.values(all)[0] ?? ''),
);
/** The certificate that clients must trust, where no public authority signed the edge's. */
export const caCertificate = front?.authority;

/** One client, whose key before the current one may still be valid. */
function madeKeys(): pulumi.Output<ClientKeys> {
  const { mcpKeyGeneration, mcpKeyOverlap } = config;
  const beside = mcpKeyOverlap ? 'previous' : 'none';
  const made = madeSecret('mcp-key', mcpKeyGeneration, beside, stack);
  return pulumi
    .all([made.current, made.beside])
    .apply(
      ([key, before]): ClientKeys => ({ default: before === undefined ? key : [key, before] }),
    );
}
