/**
 * images.lock.json: which content each third-party image stands for. A tag may name something else tomorrow, a digest
 * may not. `npm run pin` writes the file, the program and its checks read it.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Config keys that name an image of someone else's, which a registry serves. */
export const THIRD_PARTY_IMAGES = ['nodeImage', 'caddyImage'] as const;

export const IMAGE_LOCK_NAME = 'images.lock.json';
/** Path of the repository's lock. */
export const IMAGE_LOCK = fileURLToPath(new URL(`../${IMAGE_LOCK_NAME}`, import.meta.url));

/** From reference, as config spells it, to digest (`sha256:…`). */
export type ImageLock = ReadonlyMap<string, string>;

/** The lock is not what `npm run pin` writes; the message names the file and what is wrong in it. */
export class ImageLockError extends Error {
  override readonly name = 'ImageLockError';
}

/** The parts of an image reference (distribution/reference: reference.go, the grammar at its top). */
export interface ImageReference {
  /** Everything before tag and digest, as it is spelled. */
  readonly name: string;
  /** `host[:port]`; absent where the name leaves it out, which means Docker Hub. */
  readonly registry?: string;
  /** Path in the registry, as it is spelled. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REGISTRY =
  /^(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)(:\d{1,5})?$/i;
const PATH = /^[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*$/;

/** Takes a reference apart; `undefined` when it is none. */
export function parseReference(text: string): ImageReference | undefined {
  const match =
    /^(?<name>[^@]+?)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/.exec(text);
  const { name = '', tag, digest } = match?.groups ?? {};
  const [first = '', ...rest] = name.split('/');
  // Only what cannot be a path is a registry: `node/base` is a path, `localhost/base` is not.
  const registry = rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : undefined;
  const path = registry === undefined ? name : rest.join('/');
  if (!PATH.test(path) || (registry !== undefined && !REGISTRY.test(registry))) return undefined;
  return {
    name,
    ...(registry === undefined ? {} : { registry }),
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Whether a reference is the ID of an image that the engine has, which is known to that engine alone. */
export const isImageId = (reference: string): boolean => DIGEST.test(reference);

/** Whether a reference names content by itself: it carries a digest, or is the ID of an image on the engine. */
export const namesContent = (reference: string): boolean =>
  isImageId(reference) || parseReference(reference)?.digest !== undefined;

/** @throws ImageLockError naming `file` and the entry that is wrong */
export function parseImageLock(text: string, file = IMAGE_LOCK_NAME): ImageLock {
  const wrong = (what: string) =>
    new ImageLockError(`${file} ${what}. Correct it, or remove it and make it anew: npm run pin`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw wrong('is not JSON');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw wrong('is not a JSON object from image reference to digest');
  const entries = Object.entries(document);
  for (const [reference, digest] of entries) {
    if (parseReference(reference) === undefined)
      throw wrong(`has the entry "${reference}", which is not an image reference`);
    if (namesContent(reference))
      throw wrong(`has the entry "${reference}", which carries a digest and needs no entry`);
    if (typeof digest !== 'string' || !DIGEST.test(digest))
      throw wrong(
        `gives "${reference}" the digest ${JSON.stringify(digest)}; expected "sha256:" and 64 hex digits`,
      );
  }
  // What a merge of two branches may leave; JSON.parse would take the second without a word.
  const twice = entries.find(([reference]) => text.split(`"${reference}"`).length > 2);
  if (twice !== undefined) throw wrong(`has the entry "${twice[0]}" twice`);
  return new Map(entries as [string, string][]);
}

/** @throws ImageLockError when the file is missing or not valid */
export function readImageLock(path = IMAGE_LOCK): ImageLock {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ImageLockError(`${path} cannot be read. Make it: npm run pin`, { cause: error });
  }
  return parseImageLock(text);
}

/**
 * A reference by content: `name@sha256:…` with the digest that the lock gives it. One that names content already is
 * itself. `undefined` when the lock does not have it.
 * @throws ImageLockError when the lock is read and not valid
 */
export function pinned(reference: string, lock?: ImageLock): string | undefined {
  if (namesContent(reference)) return reference;
  const digest = (lock ?? readImageLock()).get(reference);
  const name = parseReference(reference)?.name;
  return digest === undefined || name === undefined ? undefined : `${name}@${digest}`;
}
