/**
 * Bytes on their way to clients that have not taken them yet. A client that takes nothing for a while is cut, and so
 * are the longest waiting ones when all together would fill our memory.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface OutflowLimits {
  /** A connection on which nothing moves for this many milliseconds, although bytes wait, is cut. */
  readonly stallMs: number;
  /** Most bytes that may wait for one client before another message is added for it. */
  readonly connectionBytes: number;
  /** Most bytes that may wait for all clients together. */
  readonly totalBytes: number;
}

/** Why a client was cut: nothing moved, too much waits for it, or too much waits for all together. */
export type CutReason = 'stalled' | 'unread' | 'total';

export interface OutflowOptions extends OutflowLimits {
  onCut?(reason: CutReason): void;
}

const LONGEST_TICK_MS = 1_000;

export class Outflow {
  readonly #options: OutflowOptions;
  /** Connections with bytes that wait, those that wait longest first. */
  readonly #waiting = new Set<Socket>();
  /** How often a connection with waiting bytes is looked at. Odd on purpose: Node's HTTP server sets other times. */
  readonly #tickMs: number;
  /** When nothing had moved for a tick: since when, and when that was seen last. */
  readonly #still = new WeakMap<Socket, { readonly since: number; readonly seen: number }>();
  readonly #timer: NodeJS.Timeout;
  /** Bytes that waited when they were last counted, and those that were added since. */
  #counted = 0;

  constructor(options: OutflowOptions) {
    this.#options = options;
    const tick = Math.min(LONGEST_TICK_MS, Math.ceil(options.stallMs / 5));
    this.#tickMs = tick + 1;
    this.#timer = setInterval(() => this.#relieve(), tick).unref();
  }

  /** False when too much waits for this client already: it is cut then. */
  admits(response: ServerResponse): boolean {
    if (response.writableLength <= this.#options.connectionBytes) return true;
    this.#cut(response.socket, 'unread');
    return false;
  }

  /** To be told after each write of `bytes`. */
  wrote({ socket }: ServerResponse, bytes: number): void {
    // Nearly always the system has taken everything at once.
    if (!socket || socket.writableLength === 0) return;
    if (!this.#waiting.has(socket)) {
      this.#waiting.add(socket);
      // Node's own clock for a socket sees parts of a large write go out, which no other public way shows.
      socket.setTimeout(this.#tickMs);
    }
    this.#counted += bytes;
    if (this.#counted > this.#options.totalBytes) this.#relieve();
  }

  /**
   * To be called for a connection on which nothing moved for the time that was set. When something did, Node starts
   * that time anew without a word, and so it does once for a write of which the system took the beginning: many short
   * times tell how long nothing moved, one long time would not.
   */
  timedOut(socket: Socket): void {
    if (socket.timeout !== this.#tickMs) this.#cut(socket, undefined);
    else if (socket.writableLength === 0) this.#forget(socket);
    else {
      const now = performance.now();
      const before = this.#still.get(socket);
      const again = before !== undefined && now - before.seen < 1.5 * this.#tickMs;
      const since = again ? before.since : now - this.#tickMs;
      if (now - since >= this.#options.stallMs) this.#cut(socket, 'stalled');
      else {
        this.#still.set(socket, { since, seen: now });
        socket.setTimeout(this.#tickMs);
      }
    }
  }

  /** Bytes that wait for all clients together. */
  get unread(): number {
    let sum = 0;
    for (const socket of this.#waiting) sum += socket.writableLength;
    return sum;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #relieve(): void {
    for (const socket of this.#waiting)
      if (socket.destroyed || socket.writableLength === 0) this.#forget(socket);
    this.#counted = this.unread;
    for (const socket of this.#waiting) {
      if (this.#counted <= this.#options.totalBytes) break;
      this.#counted -= socket.writableLength;
      this.#cut(socket, 'total');
    }
  }

  #forget(socket: Socket): void {
    this.#waiting.delete(socket);
    // Between two requests Node has set the time that a kept connection may be idle.
    if (socket.timeout === this.#tickMs) socket.setTimeout(0);
  }

  #cut(socket: Socket | null, reason: CutReason | undefined): void {
    if (!socket || socket.destroyed) return;
    this.#waiting.delete(socket);
    // A reset frees at once what the system holds for this client; an orderly end would wait for it to read.
    socket.resetAndDestroy();
    if (reason) this.#options.onCut?.(reason);
  }
}
