import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Agent } from 'undici';
import { codeOf } from '../command-error.ts';

/** How the MCP URL is reached from here. */
export interface Endpoint {
  readonly url: string;
  /** PEM text of the authority behind its certificate, where the stack made one of its own. */
  readonly ca?: string;
  /** Address to connect to in place of what DNS says of the URL's name. */
  readonly address?: string;
}

const UNKNOWN_NAME: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'EAI_AGAIN']);

/**
 * An endpoint that can be connected to: where DNS does not know the URL's name here, connections go to the machine
 * of the engine, with the name kept for TLS and HTTP.
 * @param engineHost name or address of that machine
 */
export async function resolvable(endpoint: Endpoint, engineHost: string): Promise<Endpoint> {
  try {
    await lookup(hostOf(endpoint));
    return endpoint;
  } catch (error) {
    if (!UNKNOWN_NAME.has(codeOf(error))) throw error;
    const { address } = await lookup(engineHost);
    return { ...endpoint, address };
  }
}

export const hostOf = ({ url }: Endpoint) => new URL(url).hostname.replace(/^\[|\]$/g, '');

/** Options of `net.connect` and `tls.connect` that belong to an endpoint. */
export function connectOptions({
  ca,
  address,
}: Endpoint): Pick<ConnectionOptions, 'ca' | 'lookup'> {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(address === undefined ? {} : { lookup: always(address) }),
  };
}

/** Connections to an endpoint; to be closed after use. */
export const agentFor = (endpoint: Endpoint): Agent =>
  new Agent({ connect: connectOptions(endpoint) });

/** A resolver that knows one address. */
const always =
  (address: string): LookupFunction =>
  (_name, options, callback) => {
    const family = isIP(address);
    if (options.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
