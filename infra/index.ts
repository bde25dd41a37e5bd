/** The program: config, components, outputs. */
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { clientSettings } from './client-settings.ts';
import { type ClientKeys, currentKeys } from './config/client-keys.ts';
import { loadConfig } from './config.ts';
import { DremioMcp } from './dremio-mcp.ts';
import { dremioAddress } from './dremio-source.ts';
import { announceBaseImage } from './images.ts';
import { PlainContainers } from './platform/containers.ts';

const config = loadConfig();
announceBaseImage(config);
const platform = new PlainContainers(config.stack);

const stack = new pulumi.ComponentResource('lakehouse:index:Lakehouse', config.stack);
const internal = platform.network('internal', { internal: true }, stack);
const edge = platform.network('edge', { internal: false }, stack);
const { dremio, egress } = dremioAddress(config, platform, internal, stack);

const made = (name: string) =>
  new random.RandomPassword(name, { length: 48, special: false }, { parent: stack }).result;
const keys = pulumi.secret(
  config.mcpKeys ?? made('mcp-key').apply((key): ClientKeys => ({ default: key })),
);

new DremioMcp(
  'dremio',
  { config, platform, dremio, internal, edge, egress, keys, sessionSecret: made('session-secret') },
  { parent: stack },
);

/** Where MCP clients connect. */
export const mcpUrl = `http://127.0.0.1:${config.mcpPort}/mcp`;
/** The current bearer key of each MCP client, by name; secret. */
export const mcpKeys = keys.apply(currentKeys);
/** Settings to paste into the first MCP client, with its key in them; secret. */
export const clientConfig = mcpKeys.apply((all) =>
  clientSettings(mcpUrl, Object.values(all)[0] ?? ''),
);
