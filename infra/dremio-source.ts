import * as pulumi from '@pulumi/pulumi';
import { fromContainers } from './address.ts';
import type { Config } from './config.ts';
import { DemoDremio } from './demo-dremio.ts';
import type { DremioAddress } from './dremio-mcp.ts';
import { HOST_NAME, type Network, type Platform } from './platform/platform.ts';

/** The Dremio of the config, started first where it is the demo, and the networks that lead to it. */
export function dremioAddress(
  config: Config,
  platform: Platform,
  internal: readonly Network[],
  parent: pulumi.Resource,
): { dremio: DremioAddress; egress: readonly Network[] } {
  const { source } = config;
  if (source.kind === 'demo') {
    const demo = new DemoDremio(
      'demo',
      { config, platform, networks: internal, tokenLifeSeconds: source.tokenLifeSeconds },
      { parent },
    );
    const { url, username, password } = demo;
    return {
      dremio: {
        url,
        username,
        password,
        internal: true,
        createFirstUser: false,
        onHost: false,
        after: [demo.service],
      },
      egress: [],
    };
  }
  const { url, onHost } = fromContainers(source.url);
  if (onHost)
    void pulumi.log.info(
      `dremioUrl ${source.url.origin} means this machine: containers reach it as ${url} through ${HOST_NAME}. ` +
        'It must listen on more than the loopback address.',
    );
  const { username, password, internal: closed, createFirstUser, ca } = source;
  return {
    dremio: {
      url,
      username,
      password,
      internal: closed,
      createFirstUser,
      ...(ca === undefined ? {} : { ca }),
      onHost,
      after: [],
    },
    egress: [
      source.network === undefined
        ? platform.network('egress', { internal: false }, parent)
        : platform.existingNetwork(source.network),
    ],
  };
}
