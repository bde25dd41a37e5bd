/** What `start` takes; everything has a default that suits a test. */
import type { NewUser } from './access/users.ts';
import type { Fault } from './control/faults.ts';
import type { EngineLimits } from './engine/limits.ts';
import type { TlsIdentity } from './http/listener.ts';
import type { JobLimits } from './jobs/jobs.ts';

export type Edition = 'community' | 'enterprise';

export interface DemoDremioOptions {
  /** TCP port; 0, the default, picks a free one. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 when left out. */
  readonly host?: string;
  /** Serves https with this identity instead of http. */
  readonly tls?: TlsIdentity;
  /** Users that exist from the start; `DEMO_USER` when left out, none with an empty list. */
  readonly users?: readonly NewUser[];
  /** Life of a login token in milliseconds; 30 h when left out, as Dremio's. */
  readonly tokenLifeMs?: number;
  /** File in which tokens outlive this stand-in; without one they end with it. */
  readonly tokensFile?: string;
  /** Wall clock, in milliseconds since the Unix epoch; decides when tokens end. */
  readonly now?: () => number;
  /** Real milliseconds that each job spends in RUNNING before it does its work. */
  readonly jobLatencyMs?: number;
  /**
   * Real milliseconds that each job spends in ENQUEUED first. Some clients do not know that state; 0, the default,
   * leaves it out.
   */
  readonly jobEnqueuedMs?: number;
  /**
   * Real milliseconds that `POST /api/v3/sql` waits for its job to end before it answers, so that clients that poll
   * once a second find short queries done at once. 100 when left out; 0 answers at once, as Dremio does.
   */
  readonly settleMs?: number;
  /** Real milliseconds during which connections are refused after `start` has resolved. */
  readonly startDelayMs?: number;
  /** `community`, the default, has no lineage, search and personal access tokens. */
  readonly edition?: Edition;
  /** Version text in login answers and in `sys.version`. */
  readonly version?: string;
  /** Whether the sample source is there; true when left out. */
  readonly data?: boolean;
  /** Refuses unquoted reserved words used as names (`date`, `year`, `month`, …), as Dremio does. */
  readonly strictKeywords?: boolean;
  /** Faults in force from the start. */
  readonly faults?: readonly Fault[];
  /** How many requests the log keeps; 10,000 when left out. */
  readonly logCapacity?: number;
  /** Serves the controls of this object under `/__demo/`, to callers on loopback only; false when left out. */
  readonly control?: boolean;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly jobLimits?: Partial<JobLimits>;
  /** Told about errors that should not happen; they are thrown as warnings of the process when left out. */
  readonly onError?: (error: unknown) => void;
}

/** The user of a stand-in that was given none. */
export const DEMO_USER = { userName: 'demo', password: 'demo-password-1' } as const;

/** A version text in the form that Dremio's have; the words say that it is not one. */
export const DEFAULT_VERSION = '26.0.0-demo';
