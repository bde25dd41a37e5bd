/** A DNS server on the loopback address that knows the A records it is told (RFC 1035, sections 4.1 and 4.2). */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

const A = 1;
const HEADER_BYTES = 12;
/** A pointer to the name of the question, type A, class IN, not to be kept, four bytes of address. */
const ANSWER = [0xc0, 0x0c, 0, A, 0, 1, 0, 0, 0, 0, 0, 4];

export interface NameServer {
  readonly address: string;
  /** Takes the place of what it said of this name; no addresses: there is no such name. */
  set(name: string, addresses: readonly string[]): void;
  close(): void;
}

export async function startNameServer(): Promise<NameServer> {
  const known = new Map<string, readonly string[]>();
  const answer = (query: Buffer): Buffer => {
    const { name, type, end } = questionOf(query);
    const addresses = known.get(name.toLowerCase()) ?? [];
    const records = type === A ? addresses : [];
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(addresses.length > 0 ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const answers = records.map((ip) => Buffer.from([...ANSWER, ...ip.split('.').map(Number)]));
    return Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...answers]);
  };
  // Over TCP each message has its length before it; one short message comes in one piece on the loopback address.
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.on('data', (data) => {
      const reply = answer(data.subarray(2));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      connection.end(Buffer.concat([length, reply]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    socket.send(answer(query), peer.port, peer.address);
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${port}`,
    set: (name, addresses) => {
      known.set(name, addresses);
    },
    close: () => {
      server.close();
      socket.close();
    },
  };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}
