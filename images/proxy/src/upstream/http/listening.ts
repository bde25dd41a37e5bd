/** Streams that end before all was said: taken up again where they ended, and the server's own stream. */
import type { Clock } from '../../../../kit/src/clock.ts';
import { contentType, type Incoming, readStream, type StreamEnd } from './incoming.ts';
import type { Remote, RemoteResponse } from './remote.ts';
import { Trouble } from './trouble.ts';

export interface Resumption {
  readonly remote: Remote;
  readonly clock: Clock;
  readonly incoming: Incoming;
  readonly signal: AbortSignal;
  /** Opens a stream with GET. @throws Trouble */
  open(lastEventId: string | undefined, label: string): Promise<RemoteResponse>;
}

const RETRY_MS = 1_000;
const SHORTEST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;
const MOST_FAILURES = 5;
/** A stream that lived this long was a good one. */
const GOOD_MS = 5_000;

/**
 * Reads the stream that answers a request. When it ends before the answer and the server has numbered its events
 * (2025-11-25 lets servers end it on purpose), it is taken up again; the request itself is never sent again.
 * @throws Trouble when the connection is lost for good
 */
export async function resume(
  response: RemoteResponse,
  incoming: Incoming,
  options: Resumption & { waiting(): boolean },
): Promise<void> {
  const { remote, clock, signal, waiting, open } = options;
  let current: RemoteResponse | undefined = response;
  let end: StreamEnd = { lastEventId: undefined, retryMs: undefined };
  for (let failures = 0; ; ) {
    try {
      current ??= await open(end.lastEventId, 'resume');
      if (contentType(current) !== 'text/event-stream') throw noStream(remote, current);
      await readStream(current, incoming, (next) => {
        if (next.lastEventId !== undefined && next.lastEventId !== end.lastEventId) failures = 0;
        end = {
          lastEventId: next.lastEventId ?? end.lastEventId,
          retryMs: next.retryMs ?? end.retryMs,
        };
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const trouble = remote.trouble(error);
      if (end.lastEventId === undefined || !trouble.passing || ++failures >= MOST_FAILURES)
        throw new Trouble('upstream_lost', trouble.message);
    }
    if (!waiting() || end.lastEventId === undefined) return;
    current = undefined;
    await clock.sleep(pause(end.retryMs), signal);
    signal.throwIfAborted();
  }
}

export interface OwnStreamOptions extends Resumption {
  /** The stream is open. `whole`: it goes on where it ended, so nothing was missed. */
  onOpen(whole: boolean): void;
  /** The stream ended; what the server says from now on is missed. */
  onEnd(): void;
  /** The server has forgotten the session, or the connection was lost. */
  onSuspicion(trouble: Trouble): void;
}

/**
 * Keeps the stream open on which the server speaks on its own account, if it offers one, until the signal aborts.
 * Never rejects.
 */
export async function hearOwnStream(options: OwnStreamOptions): Promise<void> {
  const { remote, clock, signal, incoming, open, onOpen, onEnd, onSuspicion } = options;
  let end: StreamEnd = { lastEventId: undefined, retryMs: undefined };
  for (let failures = 0; !signal.aborted; ) {
    const start = clock.now();
    let trouble: Trouble | undefined;
    let opened = false;
    try {
      const response = await open(end.lastEventId, 'stream');
      if (contentType(response) !== 'text/event-stream') throw noStream(remote, response);
      opened = true;
      onOpen(end.lastEventId !== undefined);
      await readStream(response, incoming, (next) => {
        end = {
          lastEventId: next.lastEventId ?? end.lastEventId,
          retryMs: next.retryMs ?? end.retryMs,
        };
      });
    } catch (error) {
      if (signal.aborted) return;
      trouble = remote.trouble(error);
    }
    if (opened) onEnd();
    if (trouble?.code === 'session_gone') return onSuspicion(trouble);
    // It offers none, or not to us: what changes there is then heard at the next handshake.
    if (trouble && !opened && !trouble.passing) return;
    if (trouble && opened) onSuspicion(trouble);
    failures = clock.now() - start >= GOOD_MS ? 0 : failures + 1;
    const backOff = RETRY_MS * 2 ** Math.max(0, failures - 1);
    await clock.sleep(pause(Math.max(backOff, end.retryMs ?? 0)), signal);
  }
}

const pause = (retryMs = RETRY_MS) =>
  Math.min(LONGEST_RETRY_MS, Math.max(SHORTEST_RETRY_MS, retryMs));

function noStream({ address }: Remote, response: RemoteResponse): Trouble {
  response.body.dump().catch(() => {});
  return new Trouble(
    'upstream_unwell',
    `the MCP server at ${address} answers GET with something else than an event stream`,
  );
}
