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
  /** Odd on purpose: it tells our time limit from those that Node's HTTP server sets. */
  readonly #stallMs: number;
  readonly #timer: NodeJS.Timeout;
  /** Bytes that waited when they were last counted, and those that were added since. */
  #counted = 0;

  constructor(options: OutflowOptions) {
    this.#options = options;
    this.#stallMs = options.stallMs + 1;
    const tick = Math.min(LONGEST_TICK_MS, options.stallMs / 5);
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
      socket.setTimeout(this.#stallMs);
    }
    this.#counted += bytes;
    if (this.#counted > this.#options.totalBytes) this.#relieve();
  }

  /** To be called for a connection on which nothing moved for the time that was set. */
  timedOut(socket: Socket): void {
    this.#cut(socket, socket.writableLength > 0 ? 'stalled' : undefined);
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
    if (socket.timeout === this.#stallMs) socket.setTimeout(0);
  }

  #cut(socket: Socket | null, reason: CutReason | undefined): void {
    if (!socket || socket.destroyed) return;
    this.#waiting.delete(socket);
    // A reset frees at once what the system holds for this client; an orderly end would wait for it to read.
    socket.resetAndDestroy();
    if (reason) this.#options.onCut?.(reason);
  }
}
