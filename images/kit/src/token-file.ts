/**
 * The token file: what the refresher writes and the proxy reads. A JSON object of exactly two fields,
 * `token` (string) and `expires_at` (RFC 3339, UTC).
 */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';

/** Where the token file is in every container that has it. */
export const TOKEN_FILE = '/var/lib/lakehouse/token/token.json';
/** A login token is about 26 characters; anything near this limit is not a token file. */
export const MAX_TOKEN_FILE_BYTES = 16 * 1024;

export interface Token {
  readonly token: string;
  /** End of validity in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export type TokenFile =
  | ({ readonly state: 'valid' } & Token)
  | {
      readonly state: 'missing' | 'unreadable' | 'empty' | 'malformed';
      /** Why, in words that never quote the file's content. */
      readonly reason: string;
    };

const RFC3339_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;
/** What may follow "Bearer" in a header (RFC 6750 section 2.1). */
export const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Parses the text of a token file; says nothing about whether the token has expired. */
export function parseTokenFile(text: string): TokenFile {
  if (text.trim() === '') return { state: 'empty', reason: 'the token file is empty' };
  const malformed = (reason: string): TokenFile => ({ state: 'malformed', reason });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed('the token file is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return malformed('the token file is not a JSON object');
  const { token, expires_at: expires, ...others } = value as Record<string, unknown>;
  // Of a field that stands twice, JSON.parse keeps the last. Neither value needs an escape, so the names are plain text.
  const fields = text.match(/"(?:token|expires_at)"\s*:/g)?.length ?? 0;
  if (Object.keys(others).length > 0 || fields > 2 || text.includes('\\'))
    return malformed('the token file has more than the fields token and expires_at, once each');
  if (typeof token !== 'string' || !BEARER_TOKEN.test(token))
    return malformed('the field token is not a bearer token');
  const expiresAt =
    typeof expires === 'string' && RFC3339_UTC.test(expires) ? Date.parse(expires) : NaN;
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(expiresAt) || !isDayOf(expiresAt, String(expires)))
    return malformed('the field expires_at is not an RFC 3339 time in UTC');
  return { state: 'valid', token, expiresAt };
}

const isDayOf = (time: number, text: string) =>
  new Date(time).toISOString().slice(0, 10) === text.slice(0, 10);

/** The text of a token file. */
export function formatTokenFile({ token, expiresAt }: Token): string {
  return `${JSON.stringify({ token, expires_at: new Date(expiresAt).toISOString() })}\n`;
}

/** Reads a token file; anything but a small regular file of the right form is told apart, never thrown. */
export async function readTokenFile(path: string): Promise<TokenFile> {
  const unreadable = (reason: string): TokenFile => ({ state: 'unreadable', reason });
  try {
    // A FIFO or a link in the file's place must neither block nor lead elsewhere.
    const info = await lstat(path);
    if (!info.isFile()) return unreadable('the token file is not a regular file');
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { bytesRead, buffer } = await file.read({
        buffer: Buffer.alloc(MAX_TOKEN_FILE_BYTES + 1),
      });
      if (bytesRead > MAX_TOKEN_FILE_BYTES)
        return unreadable(`the token file is larger than ${MAX_TOKEN_FILE_BYTES} bytes`);
      return parseTokenFile(buffer.toString('utf8', 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT') return { state: 'missing', reason: 'there is no token file yet' };
    return unreadable(`the token file cannot be read (${code})`);
  }
}
