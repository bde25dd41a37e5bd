/**
 * The loop: asks the pure core what to do, does it, tells the core what came of it, and records it. One loop is the
 * only owner of logins, writes, probes and of their retries.
 */
import type { Clock } from '../../kit/src/clock.ts';
import { errorText, type Logger } from '../../kit/src/logger.ts';
import type { Reason } from '../../kit/src/operations.ts';
import type { LoginResult } from './core/answer.ts';
import type { Failure } from './core/failure.ts';
import { onLook } from './core/look.ts';
import { type LoginReason, nextStep, type Step } from './core/next-step.ts';
import { onHint, onProbe } from './core/probe.ts';
import {
  onLogin,
  onLoginFailure,
  onLogout,
  onTurn,
  onTurnEnded,
  onTurnOfAnother,
  onWriteFailure,
  onWritten,
} from './core/renewal.ts';
import type { Policy } from './core/schedule.ts';
import {
  type HeldToken,
  initialState,
  NEVER,
  onTime,
  type ReplacedToken,
  type State,
  tickOf,
} from './core/state.ts';
import type { CredentialSource, Fingerprint } from './credentials.ts';
import { digest } from './credentials.ts';
import type { CredentialsNote } from './credentials-note.ts';
import type { Credentials, Dremio } from './dremio.ts';
import { Journal } from './journal.ts';
import type { Lock } from './lock.ts';
import type { Metrics } from './metrics.ts';
import type { TokenStore } from './token-store.ts';

/** What one pass of the loop may take at most: a login, a probe and a write, ms. */
const LONGEST_PASS_MS = 45_000;

export interface RefresherParts {
  policy: Policy;
  /** Creates the first user of a Dremio that has none, with the credentials for the login. */
  createFirstUser: boolean;
  dremio: Dremio;
  store: TokenStore;
  lock: Lock;
  credentials: CredentialSource;
  /** Of the credentials that the token in the file was got with. */
  note: CredentialsNote;
  /** Names tokens in the record. */
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
  readonly #journal: Journal;
  readonly #stopping = new AbortController();
  #state: State;
  #sleeper = new AbortController();
  #passedAt: number;
  /** A file may have changed since the last look began. */
  #changed = false;
  /** What the newest token was got with. */
  #gotWith: string | undefined;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
    this.#state = { ...initialState, credentials: parts.note.noted };
    const metrics = parts.metrics(() => this.#state);
    this.#journal = new Journal(parts.log, metrics, parts.fingerprint);
    this.#passedAt = parts.monotonic();
  }

  get state(): State {
    return this.#state;
  }

  /** Works until `stop`; rejects only on a defect of the program. */
  async run(): Promise<void> {
    const { clock, policy, credentials, lock } = this.#parts;
    const { signal } = this.#stopping;
    credentials.watch(() => this.#lookSoon(), signal);
    while (!signal.aborted) {
      this.#passedAt = this.#parts.monotonic();
      const now = clock.now();
      this.#state = onTime(this.#state, now);
      if (this.#changed) this.#state = { ...this.#state, lastLookAt: NEVER };
      const step = nextStep(this.#state, now, policy);
      if (step.do === 'wait') await this.#wait(step.until - now);
      else await this.#act(step).catch(stopped(signal));
    }
    await lock.release();
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

  #lookSoon(): void {
    this.#changed = true;
    this.#sleeper.abort();
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
      case 'take_turn':
        return this.#takeTurn();
      case 'login':
        return this.#login(step.reason);
      case 'write':
        return this.#write(step.token);
      case 'end_turn':
        return this.#endTurn();
      case 'probe':
        return this.#probe(step.token);
      case 'logout':
        return this.#logout(step.token);
    }
  }

  async #look(): Promise<void> {
    this.#changed = false;
    const { store, note, clock, policy, random } = this.#parts;
    const { file, modifiedAt } = await store.read();
    const credentials = await this.#credentials().then(
      (read) => digest(read, note.fingerprint),
      () => undefined,
    );
    const before = this.#state.inFile;
    const sight = { file, modifiedAt, credentials };
    const { state, found } = onLook(this.#state, sight, clock.now(), policy, random());
    this.#state = state;
    if (found.file === 'adopted' && state.inFile) this.#journal.adopted(state.inFile);
    if (found.file === 'lost' && before)
      this.#journal.lost(before, file.state === 'valid' ? 'it holds another token' : file.reason);
    if (found.credentialsChanged) this.#journal.credentialsChanged();
  }

  async #takeTurn(): Promise<void> {
    const ours = await this.#parts.lock.take().catch((error: unknown) => {
      // A folder without room for a lock may still be right for the login, and its write is tried again and again.
      this.#journal.lockFailed(errorText(error));
      return true;
    });
    this.#state = ours
      ? onTurn(this.#state)
      : onTurnOfAnother(this.#state, this.#parts.clock.now());
  }

  async #endTurn(): Promise<void> {
    await this.#parts.lock.release();
    this.#state = onTurnEnded(this.#state);
  }

  async #login(reason: LoginReason): Promise<void> {
    const { note, clock, policy, random } = this.#parts;
    let credentials: Credentials;
    try {
      credentials = await this.#credentials();
    } catch (error) {
      this.#loginFailed({ class: 'credentials_unreadable', message: errorText(error) });
      return;
    }
    this.#journal.loginAttempt(reason, credentials.username);
    const result = await this.#ask(credentials);
    if (!result.ok) {
      this.#loginFailed(result.failure);
      return;
    }
    const used = digest(credentials, note.fingerprint);
    this.#gotWith = used;
    this.#state = onLogin(this.#state, result, used, clock.now(), policy, random());
    const { pending } = this.#state;
    if (pending) this.#journal.loginSucceeded(pending, result);
  }

  /** Logs in; where there is no user yet and that is wanted, with a first user of these credentials. */
  async #ask(credentials: Credentials): Promise<LoginResult> {
    const { dremio, createFirstUser } = this.#parts;
    const { signal } = this.#stopping;
    const result = await dremio.login(credentials, signal);
    if (!createFirstUser || result.ok || result.failure.class !== 'no_first_user') return result;
    const failure = await dremio.createFirstUser(credentials, signal);
    if (failure) return { ok: false, failure };
    this.#journal.firstUserCreated(credentials.username);
    return dremio.login(credentials, signal);
  }

  #loginFailed(failure: Failure): void {
    const { clock, policy, random } = this.#parts;
    this.#state = onLoginFailure(this.#state, failure, clock.now(), policy, random());
    if (this.#state.loginTrouble) this.#journal.loginFailed(this.#state.loginTrouble);
  }

  async #write(token: HeldToken): Promise<void> {
    const { store, clock, policy, random } = this.#parts;
    try {
      await store.write(token);
    } catch (error) {
      const reason = `the token file cannot be written (${errorText(error)})`;
      this.#state = onWriteFailure(this.#state, reason, clock.now(), policy, random());
      if (this.#state.writeTrouble) this.#journal.writeFailed(this.#state.writeTrouble);
      return;
    }
    this.#state = onWritten(this.#state, clock.now(), policy);
    this.#journal.written(token);
    await this.#noteCredentials();
  }

  /** After the token, so that a note that is missing costs a login, and one that is there never hides that one is due. */
  async #noteCredentials(): Promise<void> {
    if (this.#gotWith === undefined) return;
    const { note } = this.#parts;
    await note
      .write(this.#gotWith)
      .catch((error: unknown) => this.#journal.credentialsNotNoted(errorText(error)));
  }

  async #probe({ token }: HeldToken): Promise<void> {
    const { dremio, clock } = this.#parts;
    const outcome = await dremio.probe(token, this.#stopping.signal);
    const before = this.#state;
    this.#state = onProbe(before, token, outcome, clock.now());
    if (outcome === 'refused' && before.refused !== token) this.#journal.refused(token);
    this.#journal.probed(outcome, outcome !== before.lastProbe);
  }

  async #logout(replaced: ReplacedToken): Promise<void> {
    const { dremio, clock } = this.#parts;
    const problem = await dremio.logout(replaced.token, this.#stopping.signal);
    this.#state = onLogout(this.#state, replaced, problem === undefined, clock.now());
    if (problem === undefined) this.#journal.loggedOut(replaced.token);
    else this.#journal.logoutFailed(replaced.token, problem);
  }

  async #credentials(): Promise<Credentials> {
    const credentials = await this.#parts.credentials.read();
    this.#journal.hidePassword(credentials.password);
    return credentials;
  }
}

/** Lets an abort pass that `stop` caused, and nothing else. */
function stopped(signal: AbortSignal) {
  return (error: unknown) => {
    if (!signal.aborted) throw error;
  };
}
