/** What can be seen of a network from one place on it: its own addresses and ports, which others answer, which names. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs JavaScript at the place; gives what it writes. */
export type Run = (script: string) => Promise<string>;

/** On this machine. */
export const here: Run = async (script) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
  return stdout;
};

export interface Survey {
  /** IPv4, without loopback. */
  readonly addresses: readonly string[];
  /** TCP ports that accept others, and those on loopback. */
  readonly open: readonly number[];
  readonly loopback: readonly number[];
}

export interface Socket {
  readonly address: string;
  readonly port: number;
  /** A word that is said there, a connection, or any sign that packets get there, a refusal among them. */
  readonly awaits: 'word' | 'connection' | 'answer';
}

/** A lost first packet, which is sent again after 1 s (RFC 6298, section 2.1), does not count as refused. */
const PATIENCE_MS = 4_000;

/** State 0A is LISTEN; a word of an address is in the machine's byte order (proc(5), /proc/net/tcp). */
const SURVEY = `
  const { readFileSync } = require('node:fs');
  const rows = ['tcp', 'tcp6'].flatMap((file) => {
    try { return readFileSync('/proc/net/' + file, 'utf8').trim().split('\\n').slice(1); } catch { return []; }
  });
  const open = new Set(), loopback = new Set();
  for (const row of rows) {
    const [, local, , state] = row.trim().split(/\\s+/);
    if (state !== '0A') continue;
    const [address, port] = local.split(':');
    const own = /^(0{16}FFFF0000)?.{6}7F$|^0{24}01000000$/.test(address);
    (own ? loopback : open).add(parseInt(port, 16));
  }
  const addresses = Object.values(require('node:os').networkInterfaces()).flat()
    .filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
  process.stdout.write(JSON.stringify({ addresses, open: [...open], loopback: [...loopback] }));`;

export const survey = async (run: Run): Promise<Survey> => JSON.parse(await run(SURVEY));

/** For each socket: `null` where what it awaits does not come, else the word, empty where none is awaited. */
export async function attempt(
  run: Run,
  sockets: readonly Socket[],
): Promise<readonly (string | null)[]> {
  const answers = await run(`
    const { connect } = require('node:net');
    const attempt = ({ address, port, awaits }) => new Promise((done) => {
      const socket = connect({ host: address, port });
      const end = (answer) => { clearTimeout(timer); socket.destroy(); done(answer); };
      const timer = setTimeout(() => end(null), ${PATIENCE_MS});
      socket.on('error', ({ code }) => end(awaits === 'answer' && code === 'ECONNREFUSED' ? '' : null));
      if (awaits === 'word') socket.on('data', (text) => end(String(text)));
      else socket.on('connect', () => end(''));
    });
    Promise.all(${JSON.stringify(sockets)}.map(attempt))
      .then((all) => process.stdout.write(JSON.stringify(all)));`);
  return JSON.parse(answers);
}

/**
 * The same, of what answers twice. Whenever someone makes a bridge, the engine takes the rule that keeps bridges apart
 * out and puts it in again at the top (moby libnetwork/drivers/bridge, `EnsureJumpRule`): in between, a packet gets
 * through that otherwise would not.
 */
export async function attemptTwice(
  run: Run,
  sockets: readonly Socket[],
): Promise<readonly (string | null)[]> {
  const first = await attempt(run, sockets);
  const answered = sockets.filter((_, index) => first[index] !== null);
  const again = await attempt(run, answered);
  return sockets.map((socket) => again[answered.indexOf(socket)] ?? null);
}

/** The addresses of each name; none for one that is not known. */
export async function lookUp(
  run: Run,
  names: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const answers = await run(`
    const { Resolver } = require('node:dns').promises;
    const resolver = new Resolver({ timeout: ${PATIENCE_MS}, tries: 1 });
    Promise.all(${JSON.stringify(names)}.map((name) => resolver.resolve4(name).catch(() => [])))
      .then((all) => process.stdout.write(JSON.stringify(all)));`);
  return JSON.parse(answers);
}
