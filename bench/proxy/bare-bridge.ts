/**
 * The least that bridges HTTP to one child at all: an id of its own for each request, and nothing else. No key, no
 * session, no limit, no deadline, no restart. Arguments: the port, then the child's command.
 */
import { spawn } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';

interface Message {
  id?: number | string;
}

const [port, command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map<number, { id: number | string; response: ServerResponse }>();
let last = 0;

createInterface({ input: child.stdout }).on('line', (line) => {
  const message = JSON.parse(line) as Message;
  const call = waiting.get(message.id as number);
  if (!call) return;
  waiting.delete(message.id as number);
  const body = Buffer.from(JSON.stringify({ ...message, id: call.id }));
  call.response
    .writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    .end(body);
});

createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const message = JSON.parse(Buffer.concat(pieces).toString()) as Message;
    if (message.id !== undefined) waiting.set(++last, { id: message.id, response });
    else response.writeHead(202).end();
    const own = message.id === undefined ? message : { ...message, id: last };
    child.stdin.write(`${JSON.stringify(own)}\n`);
  });
}).listen(Number(port), '127.0.0.1');
