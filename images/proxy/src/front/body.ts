import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { CODE } from '../jsonrpc/message.ts';
import { Refused } from './problem.ts';

/**
 * The JSON body of a POST.
 * @throws Refused when it is of another kind or too large.
 */
export async function readJsonBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new Refused({ status: 415, message: 'the Content-Type must be application/json' });
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new Refused({ status: 415, message: 'a Content-Encoding is not supported' });
  const tooLarge = new Refused({
    status: 413,
    message: `the body is larger than ${limit} bytes`,
    // The rest of the body is not read, so nothing else can follow on this connection.
    headers: { connection: 'close' },
  });
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge;
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request) {
    length += (piece as Buffer).length;
    if (length > limit) throw tooLarge;
    pieces.push(piece as Buffer);
  }
  const body = Buffer.concat(pieces);
  if (!isUtf8(body))
    throw new Refused({ status: 400, code: CODE.parseError, message: 'the body is not UTF-8' });
  return body;
}
