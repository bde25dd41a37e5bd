/** Secrets that are searched for, and every form in which one may leak. Pure. */
import { createPrivateKey } from 'node:crypto';

export interface Secret {
  /** What it is, never its value; several values may share a name, as all login tokens do. */
  readonly name: string;
  readonly value: Buffer;
}

export interface Form {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Pieces of a shorter one would be found by chance. */
export const SHORTEST = 20;

/** @throws RangeError when it is too short to be searched for */
export function secret(name: string, value: string | Buffer): Secret {
  const bytes = Buffer.from(value);
  if (bytes.length < SHORTEST)
    throw new RangeError(`the ${name} has ${bytes.length} bytes; a search needs ${SHORTEST}`);
  return { name, value: bytes };
}

/** The private number of a key: the rest of its PEM text is the same for all keys, or public. */
export function privateKey(name: string, pem: string): Secret {
  const { d } = createPrivateKey(pem).export({ format: 'jwk' });
  if (d === undefined) throw new TypeError(`the ${name} is not a private key`);
  return secret(name, Buffer.from(d, 'base64url'));
}

/** Raw, base64 and base64url wherever they begin in a text, hexadecimal, and as URLs and JSON write it. */
export function formsOf(value: Buffer): readonly Form[] {
  const base64 = [0, 1, 2].map((offset) => base64After(offset, value));
  const hex = value.toString('hex');
  const texts: [name: string, text: string][] = [
    ...base64.map((text): [string, string] => ['base64', text]),
    ...base64.map((text): [string, string] => ['base64url', urlSafe(text)]),
    ['hex', hex],
    ['hex', hex.toUpperCase()],
    ...escaped(value),
  ];
  return [
    { name: 'raw', bytes: value },
    ...texts.map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
  ];
}

/** The characters of a base64 text that come from `value` alone, when `offset` bytes of a group stand before it. */
function base64After(offset: number, value: Buffer): string {
  const text = Buffer.concat([Buffer.alloc(offset), value]).toString('base64');
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + value.length) * 8) / 6));
}

const urlSafe = (base64: string) => base64.replaceAll('+', '-').replaceAll('/', '_');

/** Where it is text. */
function escaped(value: Buffer): [string, string][] {
  const text = value.toString('utf8');
  if (!Buffer.from(text).equals(value)) return [];
  const url = encodeURIComponent(text);
  const json = JSON.stringify(text).slice(1, -1);
  return [
    ['URL', url],
    ['URL', url.replaceAll(/%../g, (byte) => byte.toLowerCase())],
    ['JSON', json],
    // As Go writes it, and with it the engine.
    ['JSON', json.replaceAll(/[<>&]/g, (mark) => `\\u00${mark.charCodeAt(0).toString(16)}`)],
  ];
}
