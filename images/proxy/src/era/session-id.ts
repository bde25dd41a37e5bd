/**
 * Session ids that any replica can serve: what a session is stands in the id itself, signed. The id is no
 * credential; it works only together with the key that it was given to.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { NamedFileError } from '../../../kit/src/named-file.ts';
import { remember } from '../../../kit/src/remember.ts';
import { readSecretFile } from '../../../kit/src/secret-file.ts';
import { isLegacyVersion, type LegacyVersion } from './versions.ts';

/** What a client said it can do, one letter each, as the id carries it. */
export const CLIENT_CAPABILITIES = {
  roots: 'r',
  'roots.listChanged': 'l',
  sampling: 's',
  'sampling.context': 'c',
  'sampling.tools': 't',
  elicitation: 'e',
  'elicitation.form': 'f',
  'elicitation.url': 'u',
} as const;

export interface Session {
  /** Random, unique. */
  readonly name: string;
  readonly version: LegacyVersion;
  /** Letters of `CLIENT_CAPABILITIES`. */
  readonly capabilities: string;
  readonly principal: string;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

const LONGEST_ID = 512;
/** Ids whose signature was found right, so that a session pays for it once and not with each request. */
const REMEMBERED_IDS = 4_096;
export const SHORTEST_SECRET = 32;

/**
 * Reads the secret that signs session ids.
 * @throws NamedFileError when it cannot be read or is too short
 */
export async function readSessionSecret(path: string): Promise<string> {
  const secret = await readSecretFile(path);
  if (secret.length < SHORTEST_SECRET)
    throw new NamedFileError(path, {
      reason: `has less than ${SHORTEST_SECRET} characters`,
      remedy: `Make one with: openssl rand -hex 32 > ${path}`,
    });
  return secret;
}

export class SessionSigner {
  readonly #secret: string;
  /** Sessions of ids that were checked, those longest known first. */
  readonly #checked = new Map<string, Session>();

  constructor(secret: string) {
    this.#secret = secret;
  }

  issue(session: Omit<Session, 'name'>): { id: string; session: Session } {
    const name = randomBytes(16).toString('base64url');
    const { version, capabilities, principal, expiresAt } = session;
    const content = Buffer.from(
      JSON.stringify([name, version, capabilities, principal, expiresAt]),
    ).toString('base64url');
    return { id: `${content}.${this.#sign(content)}`, session: { name, ...session } };
  }

  /** The session of an id; undefined when the id is not ours, was changed, or its time is over. */
  read(id: string, now: number): Session | undefined {
    const session = this.#checked.get(id) ?? this.#check(id);
    return session && session.expiresAt * 1000 > now ? session : undefined;
  }

  #check(id: string): Session | undefined {
    if (id.length > LONGEST_ID) return undefined;
    const [content = '', signature = '', ...more] = id.split('.');
    const expected = Buffer.from(this.#sign(content));
    const given = Buffer.from(signature);
    if (more.length > 0 || given.length !== expected.length) return undefined;
    if (!timingSafeEqual(given, expected)) return undefined;
    const [name, version, capabilities, principal, expiresAt] = JSON.parse(
      Buffer.from(content, 'base64url').toString('utf8'),
    ) as [string, string, string, string, number];
    if (!isLegacyVersion(version)) return undefined;
    const session = { name, version, capabilities, principal, expiresAt };
    remember(this.#checked, id, session, REMEMBERED_IDS);
    return session;
  }

  #sign(content: string): string {
    return createHmac('sha256', this.#secret).update(`session.${content}`).digest('base64url');
  }
}
