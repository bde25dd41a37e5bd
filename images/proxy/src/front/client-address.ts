/**
 * Where a client comes from. Anyone can write `X-Forwarded-For`; what a trusted proxy added to it, on the right, is
 * believed, and nothing to the left of the first address that no trusted proxy has.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';

const NETWORK = /^([^/]+)\/(\d{1,3})$/;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const WITH_PORT = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

interface Network {
  readonly address: string;
  readonly bits: number;
}

function parseNetwork(text: string): Network | undefined {
  const [, address = text, bits] = NETWORK.exec(text) ?? [];
  const kind = isIP(address);
  if (kind === 0 || address.includes('%')) return undefined;
  const most = kind === 4 ? 32 : 128;
  const given = bits === undefined ? most : Number(bits);
  return given <= most ? { address, bits: given } : undefined;
}

/** What the list of trusted proxies may hold. */
export const networkWord = {
  test: (text: string) => parseNetwork(text) !== undefined,
  allowed: 'networks or addresses such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32',
};

/** An address as it stands in `X-Forwarded-For` or comes from a socket, in one form; undefined for anything else. */
function plainAddress(text: string): string | undefined {
  const [, v6, v4] = WITH_PORT.exec(text) ?? [];
  const bare = v6 ?? v4 ?? text;
  const address = MAPPED.exec(bare)?.[1] ?? bare;
  return isIP(address) === 0 || address.includes('%') ? undefined : address.toLowerCase();
}

type Asked = Pick<IncomingMessage, 'headers'> & {
  readonly socket: { readonly remoteAddress?: string | undefined };
};

/** Finds the address of a request's client; undefined when the connection has none any more. */
export function clientFinder(
  trusted: readonly string[] = [],
): (request: Asked) => string | undefined {
  const networks = new BlockList();
  for (const { address, bits } of trusted.flatMap((text) => parseNetwork(text) ?? []))
    networks.addSubnet(address, bits, isIPv4(address) ? 'ipv4' : 'ipv6');
  const isTrusted = (address: string) => networks.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  return ({ socket: { remoteAddress = '' }, headers }) => {
    // An address of this link alone has its interface behind it.
    let client = plainAddress(remoteAddress.replace(/%.*$/, ''));
    const forwarded = headers['x-forwarded-for'];
    if (trusted.length === 0 || typeof forwarded !== 'string') return client;
    const claims = forwarded.split(',');
    while (client !== undefined && isTrusted(client)) {
      const claim = plainAddress(claims.pop()?.trim() ?? '');
      // Nothing more is said, or nothing that can be understood: the last proxy is as far as is known.
      if (claim === undefined) break;
      client = claim;
    }
    return client;
  };
}
