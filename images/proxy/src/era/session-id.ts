/**
 * Session ids that any replica can serve: what a session is stands in the id itself, signed. The id is no
 * credential; it works only together with the key that it was given to.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { remember } from '../../../kit/src/remember.ts';
import type { Secrets } from './session-secrets.ts';
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

export class SessionSigner {
  #secrets: Secrets;
  /** Sessions of ids that were checked, those longest known first. */
  readonly #checked = new Map<string, Session>();

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /** From now on these count; what was signed with another one is worth nothing any more. */
  use(secrets: Secrets): void {
    this.#secrets = secrets;
    this.#checked.clear();
  }

  issue(session: Omit<Session, 'name'>): { id: string; session: Session } {
    const name = randomBytes(16).toString('base64url');
    const { version, capabilities, principal, expiresAt } = session;
    const content = Buffer.from(
      JSON.stringify([name, version, capabilities, principal, expiresAt]),
    ).toString('base64url');
    return { id: `${content}.${sign(content, this.#secrets[0])}`, session: { name, ...session } };
  }

  /** The session of an id; undefined when the id is not ours, was changed, or its time is over. */
  read(id: string, now: number): Session | undefined {
    const session = this.#checked.get(id) ?? this.#check(id);
    return session && session.expiresAt * 1000 > now ? session : undefined;
  }

  #check(id: string): Session | undefined {
    if (id.length > LONGEST_ID) return undefined;
    const [content = '', signature = '', ...more] = id.split('.');
    if (more.length > 0 || !this.#isOurs(content, Buffer.from(signature))) return undefined;
    const [name, version, capabilities, principal, expiresAt] = JSON.parse(
      Buffer.from(content, 'base64url').toString('utf8'),
    ) as [string, string, string, string, number];
    if (!isLegacyVersion(version)) return undefined;
    const session = { name, version, capabilities, principal, expiresAt };
    remember(this.#checked, id, session, REMEMBERED_IDS);
    return session;
  }

  /** In the same time whichever secret signed it, if one did. */
  #isOurs(content: string, given: Buffer): boolean {
    let found = false;
    for (const secret of this.#secrets) {
      const expected = Buffer.from(sign(content, secret));
      if (given.length === expected.length && timingSafeEqual(given, expected)) found = true;
    }
    return found;
  }
}

const sign = (content: string, secret: string) =>
  createHmac('sha256', secret).update(`session.${content}`).digest('base64url');
