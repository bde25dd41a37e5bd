/**
 * The loop: asks the pure core what to do, does it, tells the core what came of it, and records it. One loop is the
 * only owner of logins, writes, probes and of their retries.
 */
import type { Clock } from '../../kit/src/clock.ts';
import { errorText, type Logger } from '../../kit/src/logger.ts';
import type { Reason } from '../../kit/src/operations.ts';
import { RecentSecrets } from '../../kit/src/recent-secrets.ts';
import type { CredentialSource, Fingerprint } from './credentials.ts';
import { digest } from './credentials.ts';
import type { Credentials, Dremio } from './dremio.ts';
import type { Failure } from './failure.ts';
import type { Metrics } from './metrics.ts';
import { type LoginReason, nextStep, type Step } from './next-step.ts';
import type { Policy } from './schedule.ts';
import {
  type Found,
  type HeldToken,
  initialState,
  onHint,
  onLogin,
  onLoginFailure,
  onLook,
  onProbe,
  onTime,
  onWriteFailure,
  onWritten,
  type State,
  tickOf,
} from './state.ts';
import type { TokenStore } from './token-store.ts';

/** What one pass of the loop may take at most: a login, a probe and a write, ms. */
const LONGEST_PASS_MS = 45_000;
/** How many tokens, and how many passwords, the log hides: the present ones and some that were replaced. */
const SECRETS_HIDDEN = 4;

export interface RefresherParts {
  policy: Policy;
  dremio: Dremio;
  store: TokenStore;
  credentials: CredentialSource;
  fingerprint: Fingerprint;
  clock: Clock;
  /** In [0, 1). */
  random(): number;
  /** A clock that never jumps, ms. */
  monotonic(): number;
  log: Logger;
  metrics(state: () => State): Metrics;
}

export class Refresher {
  readonly #parts: RefresherParts;
  readonly #metrics: Metrics;
  readonly #stopping = new AbortController();
  #state: State = initialState;
  #sleeper = new AbortController();
  #passedAt: number;
  readonly #tokens: RecentSecrets;
  readonly #passwords: RecentSecrets;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
    this.#metrics = parts.metrics(() => this.#state);
    this.#passedAt = parts.monotonic();
    this.#tokens = new RecentSecrets(parts.log, SECRETS_HIDDEN);
    this.#passwords = new RecentSecrets(parts.log, SECRETS_HIDDEN);
  }

  get state(): State {
    return this.#state;
  }

  /** Works until `stop`; rejects only on a defect of the program. */
  async run(): Promise<void> {
    const { clock, policy } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#passedAt = this.#parts.monotonic();
      const now = clock.now();
      this.#state = onTime(this.#state, now);
      const step = nextStep(this.#state, now, policy);
      if (step.do === 'wait') await this.#wait(step.until - now);
      else await this.#act(step).catch(stopped(signal));
    }
  }

  /** Ends the loop; what is under way is cut off, except a write, which is short. */
  stop(): void {
    this.#stopping.abort();
    this.#sleeper.abort();
  }

  /** Asks for a probe as soon as the pause between probes allows. */
  hint(): void {
    this.#state = onHint(this.#state);
    this.#sleeper.abort();
  }

  /** Live means that the loop goes round: a pass within two ticks and what one pass may take. */
  live(): Reason[] {
    const limit = 2 * tickOf(this.#state, this.#parts.policy) + LONGEST_PASS_MS;
    const idle = this.#parts.monotonic() - this.#passedAt;
    if (idle <= limit) return [];
    const message = `the refresher has not looked at its token for ${Math.round(idle / 1000)} s`;
    return [{ code: 'stuck', message }];
  }

  async #wait(ms: number): Promise<void> {
    this.#sleeper = new AbortController();
    if (this.#stopping.signal.aborted) return;
    await this.#parts.clock.sleep(ms, this.#sleeper.signal);
  }

  async #act(step: Exclude<Step, { do: 'wait' }>): Promise<void> {
    switch (step.do) {
      case 'look':
        return this.#look();
      case 'login':
        return this.#login(step.reason);
      case 'write':
        return this.#write(step.token);
      case 'probe':
        return this.#probe(step.token);
    }
  }

  async #look(): Promise<void> {
    const { store, fingerprint, clock, policy, random, log } = this.#parts;
    const { file, modifiedAt } = await store.read();
    const credentials = await this.#credentials().then(
      (read) => digest(read, fingerprint),
      () => undefined,
    );
    const before = this.#state.inFile;
    const sight = { file, modifiedAt, credentials };
    const { state, found } = onLook(this.#state, sight, clock.now(), policy, random());
    this.#state = state;
    this.#reportLook(
      found,
      before,
      file.state === 'valid' ? 'it holds another token' : file.reason,
    );
    if (found.credentialsChanged) log.audit('credentials_changed');
  }

  #reportLook({ file }: Found, before: HeldToken | undefined, reason: string): void {
    const { log } = this.#parts;
    const { inFile } = this.#state;
    if (file === 'adopted' && inFile) {
      this.#tokens.hide(inFile.token);
      log.audit('token_adopted', this.#facts(inFile));
    }
    if (file === 'lost' && before) log.audit('token_file_lost', { reason, ...this.#facts(before) });
  }

  async #login(reason: LoginReason): Promise<void> {
    const { dremio, fingerprint, clock, policy, random, log } = this.#parts;
    let credentials: Credentials;
    try {
      credentials = await this.#credentials();
    } catch (error) {
      this.#loginFailed({ class: 'credentials_unreadable', message: errorText(error) });
      return;
    }
    log.audit('login_attempt', { reason, username: credentials.username });
    const result = await dremio.login(credentials, this.#stopping.signal);
    if (!result.ok) {
      this.#loginFailed(result.failure);
      return;
    }
    const used = digest(credentials, fingerprint);
    this.#state = onLogin(this.#state, result, used, clock.now(), policy, random());
    this.#tokens.hide(result.token);
    this.#metrics.login('success');
    const { pending } = this.#state;
    if (pending)
      log.audit('login_succeeded', {
        ...this.#facts(pending),
        life_seconds: Math.round(result.lifeMs / 1000),
        clock_skew_seconds: Math.round(result.skewMs / 1000),
      });
  }

  #loginFailed(failure: Failure): void {
    const { clock, random, log } = this.#parts;
    this.#state = onLoginFailure(this.#state, failure, clock.now(), random());
    this.#metrics.login(failure.class);
    const { loginTrouble } = this.#state;
    if (loginTrouble)
      log.audit('login_failed', {
        class: failure.class,
        message: failure.message,
        times: loginTrouble.count,
        next_try_at: new Date(loginTrouble.retryAt).toISOString(),
      });
  }

  async #write(token: HeldToken): Promise<void> {
    const { store, clock, policy, random, log } = this.#parts;
    try {
      await store.write(token);
    } catch (error) {
      const reason = `the token file cannot be written (${errorText(error)})`;
      this.#state = onWriteFailure(this.#state, reason, clock.now(), policy, random());
      this.#metrics.writeFailure();
      log.audit('token_write_failed', {
        message: reason,
        times: this.#state.writeTrouble?.count,
      });
      return;
    }
    this.#state = onWritten(this.#state);
    log.audit('token_written', this.#facts(token));
  }

  async #probe({ token }: HeldToken): Promise<void> {
    const { dremio, clock, log, fingerprint } = this.#parts;
    const outcome = await dremio.probe(token, this.#stopping.signal);
    const before = this.#state;
    this.#state = onProbe(before, token, outcome, clock.now());
    this.#metrics.probe(outcome);
    if (outcome === 'refused' && before.refused !== token)
      log.audit('token_refused', { fingerprint: fingerprint(token) });
    if (outcome === before.lastProbe) log.debug('probe', { outcome });
    else log.info('probe', { outcome });
  }

  async #credentials(): Promise<Credentials> {
    const credentials = await this.#parts.credentials.read();
    this.#passwords.hide(credentials.password);
    return credentials;
  }

  #facts({ token, expiresAt, refreshAt }: HeldToken) {
    return {
      expires_at: new Date(expiresAt).toISOString(),
      refresh_at: new Date(refreshAt).toISOString(),
      fingerprint: this.#parts.fingerprint(token),
    };
  }
}

/** Lets an abort pass that `stop` caused, and nothing else. */
function stopped(signal: AbortSignal) {
  return (error: unknown) => {
    if (!signal.aborted) throw error;
  };
}
