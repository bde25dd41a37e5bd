/** A place beyond this machine that answers it, without which nobody can tell who has a way out. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { attempt, here, type Socket } from './reach-probe.ts';

/** Name servers that are asked behind a resolver of this machine's own stand in the second. */
const NAME_SERVERS = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

const read = (path: string) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Next hops: column 3 of /proc/net/route, in bytes of which the last comes first. */
const gateways = () =>
  [...read('/proc/net/route').matchAll(/^\S+\s+00000000\s+([0-9A-F]{8})/gm)].map(([, hex = '']) =>
    Buffer.from(hex, 'hex').reverse().join('.'),
  );

const nameServers = () =>
  NAME_SERVERS.flatMap((path) => [...read(path).matchAll(/^nameserver\s+([\d.]+)$/gm)]).map(
    ([, address = '']) => address,
  );

export async function placeOutside(): Promise<Socket | undefined> {
  const own = Object.values(networkInterfaces()).flatMap((all) =>
    all?.map(({ address }) => address),
  );
  const sockets = [...new Set([...nameServers(), ...gateways()])]
    .filter((address) => !own.includes(address) && !address.startsWith('127.'))
    .map((address): Socket => ({ address, port: 53, awaits: 'answer' }));
  const answers = await attempt(here, sockets);
  return sockets.find((_, index) => answers[index] !== null);
}
