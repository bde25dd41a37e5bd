/** The process of clients that make trouble: takes one order, tells when all are connected, and goes on until it is killed. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MIB } from '../measure.ts';
import { McpClient } from '../proxy/client.ts';
import type { TroubleOrder } from './trouble.ts';

/** The system takes about three of them from the proxy; what comes then waits there. */
const ANSWERS = 8;
const DRIP_MS = 1_000;

async function make({ kind, target, connections }: TroubleOrder): Promise<void> {
  const client = new McpClient(target, 1);
  const session = await client.open();
  await client.close();
  const { port, hostname } = new URL(target.url);
  const lines = Object.entries({
    ...target.headers,
    host: 'localhost',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': session ?? '',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST /mcp HTTP/1.1\r\n${lines.join('')}`;
  const params = { name: 'big', arguments: { bytes: MIB } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const whole = `${head}content-length: ${body.length}\r\n\r\n${body}`;

  const send = (socket: Socket, index: number) => {
    if (kind === 'deaf') {
      socket.write(whole.repeat(ANSWERS));
      return;
    }
    socket.resume();
    socket.write(index % 2 ? `${head}x-slow: ` : `${head}content-length: 1000\r\n\r\n`);
    const timer = setInterval(() => socket.write(' '), DRIP_MS);
    socket.once('close', () => clearInterval(timer));
  };
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  sockets.forEach(send);
  process.send?.('made');
}

// Connections that nobody reads do not keep a process alive; the one who asked for them does.
process.once('disconnect', () => process.exit());
process.once('message', (order: TroubleOrder) => void make(order));
