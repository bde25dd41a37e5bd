/** Cuts the body of an HTTP answer into JSON-RPC messages, whichever of the two forms it has. */
import { elements, onOneLine } from '../../jsonrpc/scan.ts';
import type { RemoteResponse } from './remote.ts';
import { SseParser } from './sse.ts';
import { Trouble } from './trouble.ts';

export interface Incoming {
  /** Most bytes of one message. */
  readonly limit: number;
  message(bytes: Buffer): void;
  /** An event above the limit: both ends of it. */
  oversize(head: Buffer, tail: Buffer, length: number): void;
}

/** Where a stream that ended early can be taken up again. */
export interface StreamEnd {
  readonly lastEventId: string | undefined;
  readonly retryMs: number | undefined;
}

export const contentType = ({ headers }: RemoteResponse): string => {
  const value = headers['content-type'];
  return (
    ((Array.isArray(value) ? value[0] : value) ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  );
};

/**
 * Reads a body of JSON to its end.
 * @throws Trouble when it is above the limit
 */
export async function readJson({ body }: RemoteResponse, incoming: Incoming): Promise<void> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    length += (piece as Buffer).length;
    if (length > incoming.limit)
      throw new Trouble(
        'too_large',
        `the answer has more than ${incoming.limit} bytes; ask for less, for example with LIMIT or by aggregating`,
      );
    pieces.push(piece as Buffer);
  }
  deliver(Buffer.concat(pieces), incoming);
}

/**
 * Reads an event stream to its end. `onEnd` hears where it can be taken up again, after a lost connection too.
 * @throws what the connection throws
 */
export async function readStream(
  { body }: RemoteResponse,
  incoming: Incoming,
  onEnd: (end: StreamEnd) => void,
): Promise<void> {
  const parser = new SseParser(incoming.limit, {
    event: ({ type, data }) => {
      if (type === 'message' && data.length > 0) deliver(data, incoming);
    },
    oversize: (head, tail, length) => incoming.oversize(head, tail, length),
  });
  try {
    for await (const piece of body) parser.push(piece as Buffer);
  } finally {
    onEnd({ lastEventId: parser.lastEventId, retryMs: parser.retryMs });
  }
}

/** Revision 2025-03-26 lets servers put several messages into one. */
function deliver(given: Buffer, incoming: Incoming): void {
  const bytes = onOneLine(given);
  const batch = elements(bytes, 0);
  if (batch === undefined) incoming.message(bytes);
  else for (const { start, end } of batch) incoming.message(bytes.subarray(start, end));
}

/** The first bytes of a body as text, for an error; the rest is not read. */
export async function readBeginning({ body }: RemoteResponse, bytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
      if (length >= bytes) break;
    }
  } catch {
    // What came is what there is to show.
  }
  return Buffer.concat(pieces).toString('utf8', 0, bytes);
}
