/**
 * The refresher's pure core in a simulated world: time, Dremio, the disk and chance are plain functions, and a
 * year passes in a blink. The order of steps is the core's own; only the effects are imitated.
 */
import type { LoginResult, ProbeOutcome } from '../../images/refresher/src/core/answer.ts';
import type { FailureClass } from '../../images/refresher/src/core/failure.ts';
import { onLook } from '../../images/refresher/src/core/look.ts';
import { type LoginReason, nextStep } from '../../images/refresher/src/core/next-step.ts';
import { onHint, onProbe } from '../../images/refresher/src/core/probe.ts';
import {
  onLogin,
  onLoginFailure,
  onLogout,
  onTurn,
  onTurnEnded,
  onTurnOfAnother,
  onWriteFailure,
  onWritten,
} from '../../images/refresher/src/core/renewal.ts';
import type { Policy } from '../../images/refresher/src/core/schedule.ts';
import { initialState, newest, onTime, type State } from '../../images/refresher/src/core/state.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const POLICY: Policy = {
  checkIntervalMs: 5 * MINUTE,
  refreshMarginMs: 6 * HOUR,
  logoutAfterMs: 0,
};
export const START = Date.parse('2026-03-01T00:00:00Z');

/** A folder with a token file, which several worlds may share. */
export interface Folder {
  file?: { token: string; expiresAt: number; modifiedAt: number } | undefined;
  /** Who has the turn to log in. */
  lock?: World | undefined;
}

export interface WorldOptions {
  /** Life of the tokens that logins give, ms. */
  lifeMs: number;
  policy?: Policy;
  /** What a login at this time gives instead of a token. */
  login?: (now: number) => LoginResult | undefined;
  /** What a probe at this time says; by default whether the token still lives. */
  probe?: (now: number, token: string) => ProbeOutcome | undefined;
  /** Whether a logout at this time succeeds. */
  logout?: (now: number) => boolean;
  /** Whether the disk takes a file at this time. */
  disk?: (now: number) => boolean;
  random?: () => number;
  folder?: Folder;
  /** Tells the tokens of several worlds apart. */
  name?: string;
}

export interface LoginRecord {
  readonly at: number;
  readonly reason: LoginReason;
  readonly ok: boolean;
}

export class World {
  readonly logins: LoginRecord[] = [];
  readonly probes: number[] = [];
  readonly logouts: { at: number; token: string }[] = [];
  /** Spans in which the file held no living token, by the wall clock; the start up to the first token excluded. */
  readonly gaps: { from: number; to: number }[] = [];
  /** Least life that the file's token had at any moment after the first, ms. */
  leastLife = Number.POSITIVE_INFINITY;
  longestWait = 0;
  now = START;
  state: State = initialState;
  credentials = 'first';
  readonly name: string;
  readonly folder: Folder;
  readonly #options: WorldOptions;
  #issued = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.folder = options.folder ?? {};
    this.name = options.name ?? '';
  }

  get file(): Folder['file'] {
    return this.folder.file;
  }

  set file(file: Folder['file']) {
    this.folder.file = file;
  }

  get policy(): Policy {
    return this.#options.policy ?? POLICY;
  }

  /** Lets the wall clock jump without any time passing. */
  jump(ms: number): void {
    this.now += ms;
  }

  hint(): void {
    this.state = onHint(this.state);
  }

  /** Works until `end`, epoch ms. */
  runUntil(end: number): void {
    while (this.now < end) this.step(end);
  }

  /** Does the next thing, or lets the time pass up to it, at most to `end`. */
  step(end: number): void {
    this.state = onTime(this.state, this.now);
    const step = nextStep(this.state, this.now, this.policy);
    if (step.do === 'wait') {
      this.longestWait = Math.max(this.longestWait, step.until - this.now);
      this.#pass(Math.min(step.until, end));
    } else this.#do(step);
  }

  run(ms: number): void {
    this.runUntil(this.now + ms);
  }

  #do(step: Exclude<ReturnType<typeof nextStep>, { do: 'wait' }>): void {
    const { now, policy } = this;
    const random = this.#options.random ?? (() => 0.5);
    switch (step.do) {
      case 'look': {
        const { file, credentials } = this;
        const sight = {
          file: file
            ? { state: 'valid' as const, token: file.token, expiresAt: file.expiresAt }
            : { state: 'missing' as const, reason: 'there is no token file yet' },
          modifiedAt: file?.modifiedAt,
          credentials,
        };
        this.state = onLook(this.state, sight, now, policy, random()).state;
        return;
      }
      case 'login': {
        const result = this.#options.login?.(now) ?? this.#issue();
        this.logins.push({ at: now, reason: step.reason, ok: result.ok });
        this.state = result.ok
          ? onLogin(this.state, result, this.credentials, now, policy, random())
          : onLoginFailure(this.state, result.failure, now, policy, random());
        return;
      }
      case 'take_turn': {
        this.folder.lock ??= this;
        this.state =
          this.folder.lock === this ? onTurn(this.state) : onTurnOfAnother(this.state, now);
        return;
      }
      case 'end_turn': {
        this.folder.lock = undefined;
        this.state = onTurnEnded(this.state);
        return;
      }
      case 'logout': {
        this.logouts.push({ at: now, token: step.token.token });
        const ok = this.#options.logout?.(now) ?? true;
        this.state = onLogout(this.state, step.token, ok, now);
        return;
      }
      case 'write': {
        if (this.#options.disk?.(now) ?? true) {
          this.file = { ...step.token, modifiedAt: now };
          this.state = onWritten(this.state, now, policy);
        } else this.state = onWriteFailure(this.state, 'disk full', now, policy, random());
        return;
      }
      case 'probe': {
        const held = newest(this.state);
        const living = held !== undefined && held.expiresAt > now;
        const outcome =
          this.#options.probe?.(now, step.token.token) ?? (living ? 'accepted' : 'refused');
        this.probes.push(now);
        this.state = onProbe(this.state, step.token.token, outcome, now);
      }
    }
  }

  #issue(): LoginResult {
    const { lifeMs } = this.#options;
    this.#issued++;
    return {
      ok: true,
      token: `token-${this.name}${this.#issued}`,
      expiresAt: this.now + lifeMs,
      lifeMs,
      skewMs: 0,
    };
  }

  #pass(until: number): void {
    if (this.file) {
      this.leastLife = Math.min(this.leastLife, this.file.expiresAt - until);
      if (this.file.expiresAt < until)
        this.gaps.push({ from: Math.max(this.file.expiresAt, this.now), to: until });
    }
    this.now = until;
  }
}

export const fails = (kind: FailureClass): LoginResult => ({
  ok: false,
  failure: { class: kind, message: `simulated ${kind}` },
});

/** Lets several worlds go on until `end`, always the one whose time is furthest behind. */
export function runTogether(worlds: readonly World[], end: number): void {
  for (;;) {
    const [behind] = [...worlds].sort((a, b) => a.now - b.now);
    if (!behind || behind.now >= end) return;
    behind.step(end);
  }
}
