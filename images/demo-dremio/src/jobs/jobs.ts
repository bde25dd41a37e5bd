/** Jobs: one per submitted statement, run a few at a time, kept for a while after their end. */
import { randomUUID } from 'node:crypto';
import type { Engine, QueryResult } from '../engine/engine.ts';
import { SqlError } from '../sql/sql-error.ts';

/** States that this server uses, by Dremio's names (job.proto). */
export type JobState = 'ENQUEUED' | 'PLANNING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELED';

export interface Job {
  readonly id: string;
  readonly userName: string;
  readonly sql: string;
  readonly state: JobState;
  /** Milliseconds since the Unix epoch, by the server's clock. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly result: QueryResult | undefined;
  /** Empty unless the job failed. */
  readonly errorMessage: string;
  /** Empty unless the job was cancelled. */
  readonly cancellationReason: string;
}

export interface JobLimits {
  /** Statements that run at the same time; others wait in PLANNING. */
  readonly running: number;
  /** Unfinished jobs; more fail at once. */
  readonly unfinished: number;
  /** Finished jobs that are kept. */
  readonly finished: number;
  /** Size of all kept results in bytes. */
  readonly resultBytes: number;
}

export const DEFAULT_JOB_LIMITS: JobLimits = {
  running: 2,
  unfinished: 200,
  finished: 500,
  resultBytes: 32 * 1024 * 1024,
};

/** How long a job takes besides the engine's work, in real milliseconds. */
export interface JobTiming {
  /** In state ENQUEUED, first. */
  enqueuedMs: number;
  /** In state RUNNING, before the engine starts. */
  latencyMs: number;
}

export interface JobParts {
  engine(): Promise<Engine>;
  readonly now: () => number;
  readonly limits: JobLimits;
  readonly timing: JobTiming;
  onEnd(job: Job): void;
  onError(error: unknown): void;
}

export interface NewJob {
  readonly userName: string;
  readonly sql: string;
  readonly context: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Entry = { job: Mutable<Job>; abort: AbortController; ended: Promise<void> };

const UNFINISHED: ReadonlySet<JobState> = new Set(['ENQUEUED', 'PLANNING', 'RUNNING']);
export const isUnfinished = ({ state }: Job): boolean => UNFINISHED.has(state);

/** Resolves after `ms`, or at once when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

export class JobStore {
  readonly #parts: JobParts;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(parts: JobParts) {
    this.#parts = parts;
  }

  /** Takes a statement and starts it; whether it works shows in the job only. */
  submit({ userName, sql, context }: NewJob): Job {
    const { now, limits } = this.#parts;
    const tooMany = this.all.filter(isUnfinished).length >= limits.unfinished;
    const job: Mutable<Job> = {
      id: randomUUID(),
      userName,
      sql,
      state: this.#parts.timing.enqueuedMs > 0 ? 'ENQUEUED' : 'PLANNING',
      startedAt: now(),
      endedAt: undefined,
      result: undefined,
      errorMessage: '',
      cancellationReason: '',
    };
    const entry: Entry = { job, abort: new AbortController(), ended: Promise.resolve() };
    this.#entries.set(job.id, entry);
    if (tooMany)
      this.#fail(
        job,
        `${limits.unfinished} queries are unfinished, the limit of this demo server; try again later.`,
      );
    else entry.ended = this.#run(entry, context).catch(this.#parts.onError);
    return job;
  }

  get(id: string): Job | undefined {
    return this.#entries.get(id)?.job;
  }

  /** Jobs that are known, oldest first. */
  get all(): readonly Job[] {
    return [...this.#entries.values()].map(({ job }) => job);
  }

  /** Resolves when the job has ended or `ms` have passed. */
  async settle(id: string, ms: number): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry || !isUnfinished(entry.job)) return;
    const limit = new AbortController();
    await Promise.race([entry.ended, pause(ms, limit.signal)]);
    limit.abort();
  }

  /** Cancels a job that has not ended; false when it is unknown. */
  cancel(id: string, reason: string): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return false;
    if (isUnfinished(entry.job)) {
      entry.job.state = 'CANCELED';
      entry.job.cancellationReason = reason;
      this.#end(entry.job);
      entry.abort.abort();
    }
    return true;
  }

  /** Cancels everything and waits until the engine is idle. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { job } of this.#entries.values()) this.cancel(job.id, 'The server is stopping');
    await Promise.all([...this.#entries.values()].map(({ ended }) => ended));
  }

  #slot(): Promise<void> {
    if (this.#running < this.#parts.limits.running) {
      this.#running++;
      return Promise.resolve();
    }
    // The slot of the job that ends is handed on, so the count stays.
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }

  async #run({ job, abort }: Entry, context: readonly string[]): Promise<void> {
    const { signal } = abort;
    const { enqueuedMs, latencyMs } = this.#parts.timing;
    await pause(enqueuedMs, signal);
    if (isUnfinished(job)) job.state = 'PLANNING';
    await this.#slot();
    try {
      if (signal.aborted || this.#closed) return;
      job.state = 'RUNNING';
      await pause(latencyMs, signal);
      if (signal.aborted) return;
      const engine = await this.#parts.engine();
      const result = await engine.run(job.sql, { context, signal });
      if (!isUnfinished(job)) return;
      job.result = result;
      job.state = 'COMPLETED';
      this.#end(job);
    } catch (error) {
      if (!isUnfinished(job)) return;
      if (!(error instanceof SqlError)) this.#parts.onError(error);
      this.#fail(job, error instanceof SqlError ? error.message : 'Something went wrong.');
    } finally {
      this.#release();
    }
  }

  #fail(job: Mutable<Job>, message: string): void {
    job.state = 'FAILED';
    job.errorMessage = message;
    this.#end(job);
  }

  #end(job: Mutable<Job>): void {
    job.endedAt = this.#parts.now();
    this.#forget();
    this.#parts.onEnd(job);
  }

  /** Drops the oldest finished jobs beyond the limits; the newest result always stays. */
  #forget(): void {
    const { limits } = this.#parts;
    const finished = this.all.filter((job) => !isUnfinished(job));
    let bytes = finished.reduce((sum, { result }) => sum + (result?.bytes ?? 0), 0);
    let count = finished.length;
    for (const job of finished.slice(0, -1)) {
      if (count <= limits.finished && bytes <= limits.resultBytes) return;
      this.#entries.delete(job.id);
      bytes -= job.result?.bytes ?? 0;
      count--;
    }
  }
}
