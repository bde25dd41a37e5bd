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
  const announced = Number(request.headers['content-length'] ?? 0);
  const body = announced > limit ? undefined : await collect(request, limit);
  if (!body) throw new Refused({ status: 413, message: `the body is larger than ${limit} bytes` });
  if (!isUtf8(body))
    throw new Refused({ status: 400, code: CODE.parseError, message: 'the body is not UTF-8' });
  return body;
}

/**
 * The whole body, or undefined when it has more than `limit` bytes. The rest of a large one is read and thrown
 * away while the answer goes out: a connection closed under a client that still sends loses the answer.
 */
function collect(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = [];
    let length = 0;
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length <= limit) pieces.push(piece);
      else {
        pieces = [];
        resolve(undefined);
      }
    });
    request.once('end', () => {
      if (length > limit) return resolve(undefined);
      // Nearly always one piece, in memory of its own; a copy in Node's pool would keep 8 KiB for as long as the call.
      const [first] = pieces;
      resolve(pieces.length === 1 && first ? first : Buffer.concat(pieces));
    });
    request.once('error', reject);
  });
}
