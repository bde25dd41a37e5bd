/** A child process in a group of its own: started without a shell, ended with everything it started. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Clock } from '../../../../kit/src/clock.ts';

/** How to start a child: nothing of our own environment goes along but what stands here. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Takes back what was prepared for this child; called after its end. */
  release(): Promise<void>;
}

/** How a child ended. */
export interface ProcessEnd {
  /** In words, to stand behind "the MCP server". */
  readonly text: string;
  readonly reason: 'exited' | 'killed' | 'out_of_memory' | 'spawn_failed';
  /** Killed by SIGKILL, and not by us. */
  readonly strangeKill?: boolean;
}

export const STOP = { afterStdinMs: 2_000, afterTermMs: 2_000 } as const;
/** Input of one turn of the event loop goes out in one write; from this many bytes on, at once. */
const GATHERED_BYTES = 64 * 1024;
const NEWLINE = Buffer.from('\n');
/** How long the output of a dead process may still take to arrive, a pipe held by a grandchild included. */
const LAST_OUTPUT_MS = 250;

/** None of them outlives this process, however it ends; but by a signal that nothing can be done about. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const one of living) one.signal('SIGKILL');
});

export class ChildProcess {
  /** Resolves when the process is gone and its last output has been delivered. */
  readonly ended: Promise<ProcessEnd>;
  readonly #process: ChildProcessWithoutNullStreams;
  #gone: 'no' | 'alone' | 'with its group' = 'no';
  #killing = false;
  /** Pieces of lines to be written, and their length. */
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;

  constructor(
    launch: Launch,
    handlers: {
      stdout(chunk: Buffer): void;
      stderr(chunk: Buffer): void;
      /** Output ended, or input is no longer taken, although the process may still run. */
      pipeClosed(): void;
    },
  ) {
    this.#process = spawn(launch.command, [...launch.args], {
      cwd: launch.cwd,
      env: { ...launch.env },
      shell: false,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    living.add(this);
    this.ended = new Promise((resolve) => {
      const end = (result: ProcessEnd) => {
        living.delete(this);
        this.signal('SIGKILL');
        this.#gone = 'with its group';
        for (const stream of this.#process.stdio ?? []) stream?.destroy();
        resolve(result);
      };
      this.#process.once('error', (error: NodeJS.ErrnoException) => {
        if (this.#process.pid === undefined)
          end({
            reason: 'spawn_failed',
            text: `could not be started: ${launch.command}: ${error.code ?? error.message}`,
          });
      });
      this.#process.once('exit', (code, signal) => {
        this.#gone = 'alone';
        const result: ProcessEnd =
          signal === null
            ? { reason: 'exited', text: `ended with exit code ${code}` }
            : {
                reason: 'killed',
                text: `was killed by ${signal}`,
                strangeKill: signal === 'SIGKILL' && !this.#killing,
              };
        const timer = setTimeout(end, LAST_OUTPUT_MS, result);
        this.#process.once('close', () => {
          clearTimeout(timer);
          end(result);
        });
      });
    });
    // Without a descriptor to spare there is a process object with no streams; its error follows.
    if (!this.#process.stdout) return;
    const { stdin, stdout, stderr } = this.#process;
    stdout.on('data', handlers.stdout);
    stdout.on('end', handlers.pipeClosed);
    stdin.on('error', handlers.pipeClosed);
    stderr.on('data', handlers.stderr);
    // Without a handler an error of these would end the proxy.
    for (const stream of [stdout, stderr]) stream.on('error', () => {});
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** False once the process itself is gone; what it started may still run. */
  get running(): boolean {
    return this.#gone === 'no';
  }

  /** Bytes that the process has not taken yet. */
  get unread(): number {
    return this.#gatheredBytes + (this.#process.stdin?.writableLength ?? 0);
  }

  /** Writes one line, with others of the same turn of the event loop; lost when the process is gone. */
  writeLine(pieces: readonly Buffer[]): void {
    if (this.#gone !== 'no' || !this.#process.stdin?.writable) return;
    if (this.#gathered.length === 0) setImmediate(() => this.#flush());
    for (const piece of pieces) this.#gatheredBytes += piece.length;
    this.#gathered.push(...pieces, NEWLINE);
    this.#gatheredBytes += NEWLINE.length;
    if (this.#gatheredBytes > GATHERED_BYTES) this.#flush();
  }

  /** Sends a signal to the whole group; a group that is gone is no error. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#gone === 'with its group') return;
    if (signal === 'SIGKILL') this.#killing = true;
    try {
      process.kill(-pid, signal);
    } catch {
      // ESRCH: nothing of the group is left.
    }
  }

  /** Ends the process: end of input, then SIGTERM, then SIGKILL to its group. */
  async stop(clock: Clock): Promise<ProcessEnd> {
    const gone = new AbortController();
    void this.ended.then(() => gone.abort());
    this.#flush();
    this.#process.stdin?.end();
    await clock.sleep(STOP.afterStdinMs, gone.signal);
    if (this.#gone === 'no') {
      this.signal('SIGTERM');
      await clock.sleep(STOP.afterTermMs, gone.signal);
    }
    if (this.#gone === 'no') this.signal('SIGKILL');
    return this.ended;
  }

  #flush(): void {
    const pieces = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (pieces.length > 0) this.#process.stdin?.write(Buffer.concat(pieces));
  }
}
