/** The program: config, components, outputs. */
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { clientSettings } from './client-settings.ts';
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
const key = pulumi.secret(config.mcpKey ?? made('mcp-key'));
const keys = key.apply((value): Record<string, string> => ({ default: value }));

new DremioMcp(
  'dremio',
  { config, platform, dremio, internal, edge, egress, keys, sessionSecret: made('session-secret') },
  { parent: stack },
);

/** Where MCP clients connect. */
export const mcpUrl = `http://127.0.0.1:${config.mcpPort}/mcp`;
/** Bearer keys of MCP clients, by name; secret. */
export const mcpKeys = keys;
/** Settings to paste into an MCP client, with the key in them; secret. */
export const clientConfig = key.apply((value) => clientSettings(mcpUrl, value));
