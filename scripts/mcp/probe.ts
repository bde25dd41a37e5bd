/** Calls the MCP URL again and again while something changes, to say afterwards what clients noticed. */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { messageOf } from '../command-error.ts';
import type { Access } from '../session.ts';
import { callSql, openClient } from './mcp-client.ts';

/** A call begins so often, in ms, whether the one before has ended or not. */
const EVERY_MS = 250;
/** More calls than that at once would measure themselves. */
const MOST_AT_ONCE = 16;
const CALL_MS = 10_000;

/** What a client noticed. Times are ms since the probe began. */
export interface Noticed {
  readonly calls: number;
  readonly failed: number;
  readonly firstSuccess: number | null;
  readonly lastSuccess: number | null;
  /** From the first failure after a success to the next success, at its longest. */
  readonly longestGap: number;
  /** What the newest failure said. */
  readonly lastFailure: string | null;
}

/** Sums calls up as they end; pure. */
export class Tally {
  #calls = 0;
  #failed = 0;
  #first: number | null = null;
  #last: number | null = null;
  #gapSince: number | null = null;
  #longestGap = 0;
  #lastFailure: string | null = null;

  succeeded(at: number): void {
    this.#calls += 1;
    if (this.#gapSince !== null) this.#longestGap = Math.max(this.#longestGap, at - this.#gapSince);
    this.#gapSince = null;
    this.#first ??= at;
    this.#last = Math.max(this.#last ?? 0, at);
  }

  failed(at: number, why: string): void {
    this.#calls += 1;
    this.#failed += 1;
    this.#gapSince ??= at;
    this.#lastFailure = why;
  }

  get sum(): Noticed {
    return {
      calls: this.#calls,
      failed: this.#failed,
      firstSuccess: this.#first,
      lastSuccess: this.#last,
      longestGap: this.#longestGap,
      lastFailure: this.#lastFailure,
    };
  }
}

export interface Probe {
  readonly noticed: Noticed;
  /** Resolves when a call has succeeded after this moment, or with `false` when none has in time. */
  worksWithin(milliseconds: number): Promise<boolean>;
  /** Waits for the calls under way, and sums up. */
  stop(): Promise<Noticed>;
}

/** What one call is: a list of tools, which no Dremio is asked for, or a statement that Dremio runs. */
export type ProbeCall = 'list' | 'query';

/**
 * Begins to call. The session is kept as a client keeps it, over everything that happens; one that the server no
 * longer knows counts as a failed call and is opened anew.
 */
export function startProbe(access: Access, what: ProbeCall): Probe {
  const started = performance.now();
  const now = () => Math.round(performance.now() - started);
  const tally = new Tally();
  const underWay = new Set<Promise<void>>();
  const sessions: ReturnType<typeof openClient>[] = [];
  let current: Promise<ReturnType<typeof openClient>> | undefined;

  const open = async () => {
    const session = openClient(access);
    sessions.push(session);
    // Without it, what a broken stream says would be an error that nobody caught.
    session.client.onerror = () => {};
    await session.connect({ timeout: CALL_MS });
    return session;
  };
  const call = async () => {
    current ??= open();
    const mine = current;
    try {
      const { client } = await mine;
      await callOnce(client, what);
      tally.succeeded(now());
    } catch (error) {
      tally.failed(now(), messageOf(error));
      const connected = await mine.then(
        () => true,
        () => false,
      );
      if (current === mine && (!connected || isLostSession(error))) current = undefined;
    }
  };
  const timer = setInterval(() => {
    if (underWay.size >= MOST_AT_ONCE) return;
    const one = call().finally(() => underWay.delete(one));
    underWay.add(one);
  }, EVERY_MS);
  return {
    get noticed() {
      return tally.sum;
    },
    async worksWithin(milliseconds) {
      const since = now();
      while (now() - since < milliseconds) {
        if ((tally.sum.lastSuccess ?? -1) > since) return true;
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS / 5));
      }
      return false;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      await Promise.all(sessions.map(({ close }) => close()));
      return tally.sum;
    },
  };
}

/** @throws what the client library throws, or an Error with what Dremio says of the statement */
async function callOnce(client: Client, what: ProbeCall): Promise<void> {
  const request = { timeout: CALL_MS };
  if (what === 'list') {
    await client.listTools(undefined, request);
    return;
  }
  const answer = await callSql(client, 'SELECT 1', request);
  if (answer.kind === 'error') throw new Error(answer.message);
}

/** MCP: 404 to a request with a session id means that the session is over (Streamable HTTP, session management). */
const isLostSession = (error: unknown) =>
  error instanceof StreamableHTTPError && error.code === 404;
