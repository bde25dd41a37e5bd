/**
 * One start of the MCP server: its process, its handshake, and the requests that wait for it. Ids are the
 * child's own count, so that equal ids of different clients never meet.
 */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import { Roster } from '../../../../kit/src/roster.ts';
import { CODE, type JsonObject } from '../../jsonrpc/message.ts';
import { splice } from '../../jsonrpc/scan.ts';
import {
  idOfOversize,
  paramSpan,
  readServerMessage,
  type ServerResponse,
} from '../../jsonrpc/server-message.ts';
import type { AskClient, Pieces } from '../upstream.ts';
import { ChildAsks } from './child-asks.ts';
import { LineSplitter } from './lines.ts';
import type { ChildMemory } from './memory.ts';
import { ChildProcess, type Launch, type ProcessEnd } from './process.ts';
import { StderrLog } from './stderr.ts';
import { Work } from './work.ts';

export type ChildResult =
  | { readonly kind: 'response'; readonly response: ServerResponse }
  | { readonly kind: 'too_large'; readonly length: number }
  | { readonly kind: 'died'; readonly end: ProcessEnd };

interface Pending {
  readonly id: number;
  /** JSON text of the client's progress token. */
  readonly progressToken: string | undefined;
  onProgress(message: Pieces): void;
  settle(result: ChildResult): void;
}

export interface ChildOptions {
  readonly launch: Launch;
  readonly generation: number;
  readonly messageLimit: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly memory: ChildMemory;
}

/** Who hears what a child says on its own account. */
export interface ChildListener {
  onNotification(method: string, bytes: Buffer): void;
  /** A request to a client; without it the child hears that no client offers that. */
  readonly onRequest?: AskClient;
}

const PIPE_CLOSED_MS = 500;

/** The server answered a request of ours with an error. */
export class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

export class Child {
  readonly generation: number;
  /** Resolves when the process is gone and what was prepared for it is taken back. */
  readonly ended: Promise<ProcessEnd>;
  /** The calls of clients that it works on. */
  readonly work = new Work();
  /** What it asks clients. */
  readonly asks = new ChildAsks((message) => this.forward(message));
  listener: ChildListener = { onNotification: () => {} };
  readonly #process: ChildProcess;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #stderr: StderrLog;
  readonly #pending = new Roster<Pending>();
  #nextId = 1;
  #lastOutput = 0;
  #dead: ProcessEnd | undefined;
  #strange = 0;

  constructor(options: ChildOptions) {
    this.generation = options.generation;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#stderr = new StderrLog(options.log, options.clock);
    const lines = new LineSplitter(options.messageLimit, {
      line: (bytes) => this.#receive(bytes),
      oversize: (head, tail, length) => {
        const id = idOfOversize(head, tail);
        this.#log.warn('child_message_too_large', { length, limit: options.messageLimit });
        if (id !== undefined) this.#settle(id, { kind: 'too_large', length });
      },
    });
    this.#process = new ChildProcess(options.launch, {
      stdout: (chunk) => {
        this.#lastOutput = this.#clock.now();
        lines.push(chunk);
      },
      stderr: (chunk) => this.#stderr.push(chunk),
      pipeClosed: () => {
        // A server without input or output can answer nobody; one that is exiting gets the time to do so.
        setTimeout(() => this.kill(), PIPE_CLOSED_MS).unref();
      },
    });
    this.ended = this.#process.ended.then(async (raw) => {
      const memory = raw.strangeKill && options.memory.explainKill(this.pid);
      const end: ProcessEnd = memory ? { reason: 'out_of_memory', text: memory } : raw;
      this.#dead = end;
      this.#stderr.flush();
      for (const { id } of this.#pending) this.#settle(id, { kind: 'died', end });
      this.asks.drop();
      await options.launch
        .release()
        .catch((error: unknown) => this.#log.warn('child_not_tidied', { error }));
      return end;
    });
  }

  /** False once the process is gone, which its calls may hear a moment later, with its last output. */
  get alive(): boolean {
    return this.#dead === undefined && this.#process.running;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  /** Bytes of requests that the server has not read yet. */
  get unread(): number {
    return this.#process.unread;
  }

  /** Last lines of standard error. */
  errorTail(): readonly string[] {
    return this.#stderr.tail();
  }

  /** Sends a request that `build` makes for its id. */
  send(
    build: (id: number) => Pieces,
    progressToken?: string,
    onProgress: (message: Pieces) => void = () => {},
  ): { id: number; result: Promise<ChildResult> } {
    const id = this.#nextId++;
    const end = this.#dead;
    if (end) return { id, result: Promise.resolve({ kind: 'died', end }) };
    const result = new Promise<ChildResult>((settle) => {
      this.#pending.add({ id, progressToken, onProgress, settle });
    });
    this.#process.writeLine(build(id));
    return { id, result };
  }

  /** Forgets a request and tells the server that nobody waits for it. */
  cancel(id: number, reason: string): void {
    if (!this.#take(id)) return;
    this.notify('notifications/cancelled', { requestId: id, reason });
  }

  /** As `cancel`, and true when the server ends the request all the same within `patienceMs`. */
  async giveUp(id: number, reason: string, patienceMs: number): Promise<boolean> {
    if (!this.#take(id)) return true;
    const ended = new AbortController();
    let answered = false;
    this.#pending.add({
      id,
      progressToken: undefined,
      onProgress: () => {},
      settle: (result) => {
        answered = result.kind !== 'died';
        ended.abort();
      },
    });
    this.notify('notifications/cancelled', { requestId: id, reason });
    await this.#clock.sleep(patienceMs, ended.signal);
    this.#take(id);
    return answered;
  }

  notify(method: string, params: JsonObject): void {
    this.forward([Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params }))]);
  }

  /** Passes on bytes that need no answer. */
  forward(message: Pieces): void {
    this.#process.writeLine(message);
  }

  /**
   * True when the server answers, or says anything at all, within `patienceMs`: one that is busy with a
   * large result is not hung.
   */
  async ping(patienceMs: number): Promise<boolean> {
    const sent = this.#clock.now();
    const answered = new AbortController();
    const { id, result } = this.send((id) => [
      Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`),
    ]);
    let answer: ChildResult | undefined;
    void result.then((value) => {
      answer = value;
      answered.abort();
    });
    await this.#clock.sleep(patienceMs, answered.signal);
    this.#take(id);
    return answer?.kind === 'response' || this.#lastOutput > sent;
  }

  /** Ends the child at once with everything it started. */
  kill(): void {
    this.#process.signal('SIGKILL');
  }

  stop(): Promise<ProcessEnd> {
    return this.#process.stop(this.#clock);
  }

  /**
   * A request of our own.
   * @throws Error in words when the server refuses it or ends
   */
  async ask(method: string, params: JsonObject): Promise<JsonObject> {
    const { result } = this.send((id) => [
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })),
    ]);
    const outcome = await result;
    if (outcome.kind === 'died') throw new Error(`the MCP server ${outcome.end.text}`);
    if (outcome.kind === 'too_large') throw new Error(`the answer to ${method} is too large`);
    const { result: value, error } = JSON.parse(outcome.response.bytes.toString('utf8'));
    if (error)
      throw new Refusal(
        Number.isInteger(error.code) ? error.code : CODE.internalError,
        `the MCP server refused ${method}: ${String(error.message)}`,
      );
    return value;
  }

  #find(id: number): Pending | undefined {
    return this.#pending.find((one) => one.id === id);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#find(id);
    if (pending) this.#pending.delete(pending);
    return pending;
  }

  /** False when nobody waits for it. */
  #settle(id: number, result: ChildResult): boolean {
    const pending = this.#take(id);
    pending?.settle(result);
    return pending !== undefined;
  }

  #receive(line: Buffer): void {
    const message = readServerMessage(line);
    if (!message) this.#note('not a JSON-RPC message', line);
    else if (message.kind === 'response') {
      if (!this.#settle(message.id, { kind: 'response', response: message }))
        this.#log.debug('child_answer_late', { id: message.id });
    } else if (message.kind === 'request') this.asks.take(message, this.listener.onRequest);
    else if (message.method === 'notifications/progress') this.#progress(message.bytes);
    else if (message.method === 'notifications/cancelled') this.asks.withdraw(message.bytes);
    else this.listener.onNotification(message.method, message.bytes);
  }

  #progress(bytes: Buffer): void {
    const span = paramSpan(bytes, 'progressToken');
    const pending = span && this.#find(Number(bytes.toString('utf8', span.start, span.end)));
    if (!span || pending?.progressToken === undefined) return;
    pending.onProgress(splice(bytes, [{ span, value: pending.progressToken }]));
  }

  #note(what: string, line: Buffer): void {
    // One line in a thousand is enough to see that there are many.
    if (this.#strange++ % 1000 === 0)
      this.#log.warn('child_output_ignored', { what, length: line.length, count: this.#strange });
  }
}
