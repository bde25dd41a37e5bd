/** The file of headers that every request to the remote server gets. */
import { NamedFileError } from '../../../../kit/src/named-file.ts';
import { readObjectFile } from './object-file.ts';

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** What a header may carry without a change on the way. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Headers that the proxy itself writes. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-protocol-version',
  'mcp-session-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Values by name in small letters. */
export type Headers = Readonly<Record<string, string>>;

/**
 * Reads a file of headers. Errors never quote a value.
 * @throws NamedFileError when it cannot be read, or holds something that cannot be a header
 */
export async function readHeaders(path: string): Promise<Headers> {
  const remedy = 'Write it as {"Authorization": "Bearer …"}; {} is no header at all.';
  const wrong = (reason: string) => new NamedFileError(path, { reason, remedy });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(await readObjectFile(path, remedy))) {
    const shown = JSON.stringify(name.slice(0, 64));
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(name)) throw wrong(`has ${shown}, which cannot name a header`);
    if (lower === 'host')
      throw wrong('has the header Host, which is set by UPSTREAM_HOST instead of here');
    if (OWN_HEADERS.has(lower)) throw wrong(`has the header ${name}, which the proxy writes`);
    if (lower in headers) throw wrong(`has the header ${name} twice`);
    if (typeof value !== 'string' || !HEADER_VALUE.test(value))
      throw wrong(`has a value for ${name} that is not one line of visible characters`);
    headers[lower] = value;
  }
  return headers;
}
