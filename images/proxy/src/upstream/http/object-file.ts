import { NamedFileError, readNamedFile } from '../../../../kit/src/named-file.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';

const MAX_FILE_BYTES = 64 * 1024;

/**
 * Reads a secret file that holds a JSON object. Errors never quote it.
 * @param remedy how it should look
 * @throws NamedFileError when it cannot be read or is something else
 */
export async function readObjectFile(path: string, remedy: string): Promise<JsonObject> {
  const text = await readNamedFile(path, MAX_FILE_BYTES);
  const wrong = (reason: string) => new NamedFileError(path, { reason, remedy });
  if (text.trim() === '') throw wrong('is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('is not JSON');
  }
  if (!isObject(value)) throw wrong('is JSON, but not an object');
  return value;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
