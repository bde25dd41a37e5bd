/**
 * A Docker engine on another machine, reached as the docker command and Pulumi's provider reach it: the `ssh` program
 * of this machine, with its own settings and keys, runs `docker system dial-stdio` there
 * (docker/cli cli/connhelper/connhelper.go).
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { codeOf, messageOf } from '../command-error.ts';
import { lastLines, run } from '../process.ts';

const CONNECT_SECONDS = 8;

/** Arguments of `ssh` that run a command on the machine of an `ssh://` URL; nobody is asked for anything. */
export function sshWords(url: string, command: readonly string[]): string[] {
  const { hostname, port, username } = new URL(url);
  return [
    ...['-o', 'BatchMode=yes', '-o', `ConnectTimeout=${CONNECT_SECONDS}`],
    ...(username === '' ? [] : ['-l', decodeURIComponent(username)]),
    ...(port === '' ? [] : ['-p', port]),
    '--',
    hostname.replace(/^\[|\]$/g, ''),
    ...command,
  ];
}

/** Makes HTTP connections to the engine of an `ssh://` URL. */
export class SshAgent extends Agent {
  readonly #url: string;

  constructor(url: string) {
    // A connection is a process and a login: one that is free is used again.
    super({ keepAlive: true, maxFreeSockets: 2 });
    this.#url = url;
  }

  override createConnection(): Duplex {
    const words = sshWords(this.#url, ['docker', 'system', 'dial-stdio']);
    return new ProcessSocket(spawn('ssh', words, { stdio: ['pipe', 'pipe', 'pipe'] }));
  }
}

/** The standard streams of a process as a connection, with what Node's HTTP client asks of a socket. */
class ProcessSocket extends Duplex {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #timer: NodeJS.Timeout | undefined;
  #said = '';

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    super();
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => {
      this.#timer?.refresh();
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stdout.on('end', () => this.push(null));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-4_000);
    });
    child.stdin.on('error', () => {});
    child.on('error', (error) => this.destroy(error));
    child.on('close', (code) => {
      if (code) this.destroy(new Error(lastLines(this.#said, 1)[0] ?? `ssh ended with ${code}`));
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void) {
    this.#child.stdin.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#child.kill();
    done(error);
  }

  setTimeout(milliseconds: number, onTimeout?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer =
      milliseconds === 0 ? undefined : setTimeout(() => this.emit('timeout'), milliseconds).unref();
    if (onTimeout !== undefined) this.once('timeout', onTimeout);
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    this.#child.ref();
    return this;
  }

  /** A connection that waits for its next use keeps no command from ending. */
  unref(): this {
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr])
      if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
    return this;
  }
}

/** Why the engine of an `ssh://` URL does not answer, and what helps. */
export interface SshFailure {
  readonly why: string;
  readonly advice: readonly string[];
}

/** Asks the machine for its engine's version, and makes sense of the answer. @returns nothing when it answers */
export async function diagnoseSsh(url: string): Promise<SshFailure | undefined> {
  try {
    const { code, stderr } = await run('ssh', sshWords(url, ['docker', 'version']), {
      timeoutMs: (CONNECT_SECONDS + 7) * 1000,
    });
    return code === 0 ? undefined : sshFailure(url, code, stderr);
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      return {
        why: 'the program ssh is missing on this machine',
        advice: ['Install it: sudo apt-get install -y openssh-client'],
      };
    return { why: messageOf(error), advice: [] };
  }
}

/** What the end of `ssh … docker version` means; 255 is ssh's own failure (ssh(1)), the rest is the command's. */
export function sshFailure(url: string, code: number | null, stderr: string): SshFailure {
  const { hostname, port, username } = new URL(url);
  const target = `${port === '' ? '' : `-p ${port} `}${username === '' ? '' : `${username}@`}${hostname}`;
  const said = lastLines(stderr, 1)[0] ?? `ssh ended with ${code ?? 'a signal'}`;
  if (code === null) return { why: 'nothing answered in time', advice: [`Try it: ssh ${target}`] };
  if (code === 255)
    return {
      why: said,
      advice: [
        `It must work without a question: ssh -o BatchMode=yes ${target} true`,
        'Keys come from your ssh agent and ~/.ssh/config; the host must be in ~/.ssh/known_hosts.',
      ],
    };
  if (code === 127 || /docker: (command )?not found/i.test(stderr))
    return {
      why: 'there is no docker command there, which carries the connection (docker system dial-stdio)',
      advice: [
        `Install it there: ssh ${target} sudo apt-get install -y docker.io`,
        'A docker command that is not on the PATH of a login without terminal is not found either.',
      ],
    };
  if (/permission denied/i.test(stderr))
    return {
      why: 'that user may not use the Docker engine there',
      advice: [`Let it: ssh -t ${target} 'sudo usermod -aG docker "$USER"'`],
    };
  if (/cannot connect to the docker daemon/i.test(stderr))
    return {
      why: 'the Docker engine there does not run',
      advice: [`Start it: ssh -t ${target} sudo systemctl start docker`],
    };
  return { why: said, advice: [`See more: ssh ${target} docker version`] };
}
