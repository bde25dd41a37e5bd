/** The current Dremio token, read from the token file whenever that changes. Nothing is kept past its end. */
import { lstat } from 'node:fs/promises';
import type { Clock } from '../../../kit/src/clock.ts';
import type { Logger } from '../../../kit/src/logger.ts';
import { RecentSecrets } from '../../../kit/src/recent-secrets.ts';
import { readTokenFile, type TokenFile } from '../../../kit/src/token-file.ts';

export type TokenState =
  | { readonly state: 'valid'; readonly token: string; readonly expiresAt: number }
  | {
      readonly state: 'missing' | 'unreadable' | 'empty' | 'malformed' | 'expired';
      /** In words, without anything of the file's content. */
      readonly reason: string;
    };

const POLL_MS = 100;
/** Tokens kept out of the log: the current one, and those before it that may still be valid. */
const TOKENS_HIDDEN = 4;

export class TokenSource {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #version = '';
  #file: TokenFile = { state: 'missing', reason: 'there is no token file yet' };
  readonly #hidden: RecentSecrets;
  /** Since when there has been no token other than `refused`, in milliseconds. */
  #lack: { readonly refused: string | undefined; readonly since: number } | undefined;

  constructor(path: string, clock: Clock, log: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#hidden = new RecentSecrets(log, TOKENS_HIDDEN);
  }

  /** The state of the file as it is now; it is read only when it was replaced or changed. */
  async read(): Promise<TokenState> {
    const version = await lstat(this.#path, { bigint: true }).then(
      ({ ino, size, mtimeNs, ctimeNs }) => `${ino} ${size} ${mtimeNs} ${ctimeNs}`,
      (error: NodeJS.ErrnoException) => `${error.code}`,
    );
    if (version !== this.#version) {
      const before = this.#file;
      this.#file = await readTokenFile(this.#path);
      // What kept it from being read may pass without a change of the file: no descriptor was free, say.
      this.#version = this.#file.state === 'unreadable' ? '' : version;
      const known = before.state === 'valid' ? before.token : undefined;
      if (this.#file.state === 'valid' && this.#file.token !== known) {
        this.#hidden.hide(this.#file.token);
        this.#log.info('token_read', { expires_at: new Date(this.#file.expiresAt).toISOString() });
      } else if (this.#file.state !== 'valid' && this.#file.state !== before.state)
        this.#log.warn('token_unusable', { state: this.#file.state, reason: this.#file.reason });
    }
    const state = this.last();
    if (state.state === 'valid' && state.token !== this.#lack?.refused) this.#lack = undefined;
    return state;
  }

  /** The state when the file was last looked at, with the time of now. */
  last(): TokenState {
    const file = this.#file;
    if (file.state !== 'valid') return file;
    const { token, expiresAt } = file;
    if (expiresAt > this.#clock.now()) return { state: 'valid', token, expiresAt };
    return {
      state: 'expired',
      reason: `the Dremio token expired at ${new Date(expiresAt).toISOString()}`,
    };
  }

  /** Seconds until the token ends; 0 without a valid one. */
  secondsLeft(): number {
    const token = this.last();
    return token.state === 'valid' ? (token.expiresAt - this.#clock.now()) / 1000 : 0;
  }

  /**
   * A valid token other than `refused`; otherwise the state of the file, `patienceMs` after the lack was first
   * met: while it lasts, only the first to meet it waits, and the others fail without delay.
   */
  async waitForOther(
    refused: string | undefined,
    patienceMs: number,
    signal?: AbortSignal,
  ): Promise<TokenState> {
    const known = this.#lack?.refused === refused ? this.#lack : undefined;
    const lack = known ?? { refused, since: this.#clock.now() };
    this.#lack = lack;
    const deadline = lack.since + patienceMs;
    for (;;) {
      const state = await this.read();
      if (state.state === 'valid' && state.token !== refused) return state;
      const left = deadline - this.#clock.now();
      if (left <= 0 || signal?.aborted) return state;
      await this.#clock.sleep(Math.min(POLL_MS, left), signal);
    }
  }
}
