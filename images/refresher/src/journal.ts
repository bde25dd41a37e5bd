/**
 * The refresher's record of what it did: audit lines, metrics, and the secrets that the log hides. A token appears in
 * it as a keyed fingerprint only.
 */
import type { Logger } from '../../kit/src/logger.ts';
import { RecentSecrets } from '../../kit/src/recent-secrets.ts';
import type { Issued, ProbeOutcome } from './core/answer.ts';
import type { Failure } from './core/failure.ts';
import type { LoginReason } from './core/next-step.ts';
import type { HeldToken, Trouble } from './core/state.ts';
import type { Fingerprint } from './credentials.ts';
import type { Metrics } from './metrics.ts';

/** How many tokens, and how many passwords, the log hides: the present ones and some that were replaced. */
const SECRETS_HIDDEN = 4;

export class Journal {
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #fingerprint: Fingerprint;
  readonly #tokens: RecentSecrets;
  readonly #passwords: RecentSecrets;

  constructor(log: Logger, metrics: Metrics, fingerprint: Fingerprint) {
    this.#log = log;
    this.#metrics = metrics;
    this.#fingerprint = fingerprint;
    this.#tokens = new RecentSecrets(log, SECRETS_HIDDEN);
    this.#passwords = new RecentSecrets(log, SECRETS_HIDDEN);
  }

  hidePassword(password: string): void {
    this.#passwords.hide(password);
  }

  adopted(held: HeldToken): void {
    this.#tokens.hide(held.token);
    this.#log.audit('token_adopted', this.#facts(held));
  }

  lost(held: HeldToken, reason: string): void {
    this.#log.audit('token_file_lost', { reason, ...this.#facts(held) });
  }

  credentialsChanged(): void {
    this.#log.audit('credentials_changed');
  }

  loginAttempt(reason: LoginReason, username: string): void {
    this.#log.audit('login_attempt', { reason, username });
  }

  loginSucceeded(held: HeldToken, { skewMs }: Issued): void {
    this.#tokens.hide(held.token);
    this.#metrics.login('success');
    this.#log.audit('login_succeeded', {
      ...this.#facts(held),
      life_seconds: Math.round(held.lifeMs / 1000),
      clock_skew_seconds: Math.round(skewMs / 1000),
    });
  }

  loginFailed({ last, count, retryAt }: Trouble<Failure>): void {
    this.#metrics.login(last.class);
    this.#log.audit('login_failed', {
      class: last.class,
      message: last.message,
      times: count,
      next_try_at: new Date(retryAt).toISOString(),
    });
  }

  firstUserCreated(username: string): void {
    this.#log.audit('first_user_created', { username });
  }

  written(held: HeldToken): void {
    this.#log.audit('token_written', this.#facts(held));
  }

  writeFailed({ last, count }: Trouble<string>): void {
    this.#metrics.writeFailure();
    this.#log.audit('token_write_failed', { message: last, times: count });
  }

  /** @param news whether the outcome is another than the last time */
  probed(outcome: ProbeOutcome, news: boolean): void {
    this.#metrics.probe(outcome);
    if (news) this.#log.info('probe', { outcome });
    else this.#log.debug('probe', { outcome });
  }

  refused(token: string): void {
    this.#log.audit('token_refused', { fingerprint: this.#fingerprint(token) });
  }

  loggedOut(token: string): void {
    this.#log.audit('token_logged_out', { fingerprint: this.#fingerprint(token) });
  }

  logoutFailed(token: string, reason: string): void {
    const fingerprint = this.#fingerprint(token);
    this.#log.audit('token_logout_failed', { fingerprint, message: reason });
  }

  /** The folder takes no note of the credentials; the next start takes the token as it is. */
  credentialsNotNoted(message: string): void {
    this.#log.warn('credentials_not_noted', { message });
  }

  /** The folder takes no lock file; the login goes on without. */
  lockFailed(message: string): void {
    this.#log.warn('lock_unavailable', { message });
  }

  #facts({ token, expiresAt, refreshAt }: HeldToken) {
    return {
      expires_at: new Date(expiresAt).toISOString(),
      refresh_at: new Date(refreshAt).toISOString(),
      fingerprint: this.#fingerprint(token),
    };
  }
}
