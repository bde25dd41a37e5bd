/** Login tokens: issued, checked against the clock, ended. Only digests are kept, never a token itself. */
import { createHash, randomBytes } from 'node:crypto';
import type { TokensFile } from './tokens-file.ts';

/**
 * What a presented token is worth: `expired` = its time is over, `revoked` = logged out or ended by a test,
 * `unknown` = never issued here, `none` = no token was sent.
 */
export type TokenState = 'valid' | 'expired' | 'revoked' | 'unknown' | 'none';

export interface IssuedToken {
  readonly token: string;
  /** End of validity, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export interface TokenCheck {
  readonly state: TokenState;
  readonly userName?: string;
  readonly fingerprint?: string;
}

interface Entry {
  readonly userName: string;
  readonly fingerprint: string;
  expiresAt: number;
  revoked: boolean;
  used: boolean;
}

/** Older tokens are forgotten beyond this many, so that logging in for ever cannot fill the memory. */
const MAX_TOKENS = 10_000;

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');

const shortened = (digest: string): string => digest.slice(0, 12);

/** A short name for a token that is safe to log and compare: 12 hexadecimal digits of its SHA-256. */
export const fingerprintOf = (token: string): string => shortened(digest(token));

/** 130 random bits in base 32, as Dremio makes them (TokenManagerImpl.java): not a JWT. */
const randomToken = (): string =>
  (BigInt(`0x${randomBytes(17).toString('hex')}`) >> 6n).toString(32).padStart(26, '0');

export class TokenStore {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;
  readonly #file: TokensFile | undefined;
  #lifeMs: number;
  #distinctUsed = 0;
  #issued = 0;
  #usedAfterEnd = 0;

  /** With a `file`, the tokens in it are issued already, and every change is written there. */
  constructor(lifeMs: number, now: () => number, file?: TokensFile) {
    this.#lifeMs = lifeMs;
    this.#now = now;
    this.#file = file;
    for (const { digest, ...kept } of file?.found ?? [])
      this.#entries.set(digest, { ...kept, fingerprint: shortened(digest), used: false });
  }

  /** Makes a token for a user; earlier tokens of that user stay valid. */
  issue(userName: string): IssuedToken {
    const token = randomToken();
    const expiresAt = this.#now() + this.#lifeMs;
    this.#entries.set(digest(token), {
      userName,
      fingerprint: fingerprintOf(token),
      expiresAt,
      revoked: false,
      used: false,
    });
    this.#issued++;
    if (this.#entries.size > MAX_TOKENS) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#keep();
    return { token, expiresAt };
  }

  /** What a token is worth now, without counting it as used. */
  check(token: string | undefined): TokenCheck {
    if (token === undefined) return { state: 'none' };
    const entry = this.#entries.get(digest(token));
    if (!entry) return { state: 'unknown', fingerprint: fingerprintOf(token) };
    const { userName, fingerprint } = entry;
    if (entry.revoked) return { state: 'revoked', fingerprint };
    if (this.#now() >= entry.expiresAt) return { state: 'expired', fingerprint };
    return { state: 'valid', userName, fingerprint };
  }

  /** Checks a token that came with a request, and counts it. */
  use(token: string | undefined): TokenCheck {
    const check = this.check(token);
    if (check.state === 'expired' || check.state === 'revoked') this.#usedAfterEnd++;
    const entry = token === undefined ? undefined : this.#entries.get(digest(token));
    if (entry && check.state === 'valid' && !entry.used) {
      entry.used = true;
      this.#distinctUsed++;
    }
    return check;
  }

  /** Ends one token at once; false when there was no such valid token. */
  revoke(token: string): boolean {
    const entry = this.#entries.get(digest(token));
    if (!entry || this.check(token).state !== 'valid') return false;
    entry.revoked = true;
    this.#keep();
    return true;
  }

  /** Lets every valid token end now, as if its time were over; returns how many there were. */
  expireAll(): number {
    const now = this.#now();
    let ended = 0;
    for (const entry of this.#entries.values()) {
      if (entry.revoked || entry.expiresAt <= now) continue;
      entry.expiresAt = now;
      ended++;
    }
    this.#keep();
    return ended;
  }

  /** Sets the life of tokens issued from now on, in milliseconds. */
  setLife(lifeMs: number): void {
    this.#lifeMs = lifeMs;
  }

  /** How many tokens were issued. */
  get issued(): number {
    return this.#issued;
  }

  /** How many different tokens came with a request while they were valid. */
  get distinctUsed(): number {
    return this.#distinctUsed;
  }

  /** How many requests came with a token that had been valid once and was not any more. */
  get usedAfterEnd(): number {
    return this.#usedAfterEnd;
  }

  /** How many tokens are valid now. */
  get valid(): number {
    const now = this.#now();
    return [...this.#entries.values()].filter((e) => !e.revoked && e.expiresAt > now).length;
  }

  #keep(): void {
    this.#file?.write(
      [...this.#entries].map(([digest, { userName, expiresAt, revoked }]) => ({
        digest,
        userName,
        expiresAt,
        revoked,
      })),
    );
  }
}
