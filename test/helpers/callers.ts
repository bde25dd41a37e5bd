/**
 * MCP clients that go on calling, each in one session, while something is done to the stack behind the URL; and what
 * they noticed of it. Every answer is checked.
 */
import type { Agent } from 'undici';
import { type CallRecord, mixedCallers } from './mixed-callers.ts';
import { eventually } from './stack.ts';

const CALLERS = 16;
const LONGEST_PAUSE_MS = 2_000;
/** A call that hangs has failed, and its caller is not served until then. */
const CALL_DEADLINE_MS = 30_000;

/** What callers noticed since a moment. */
export interface Noticed {
  readonly calls: number;
  readonly failed: readonly CallRecord[];
  /** From the moment to the end of the last call that failed, in ms; 0 when none did. */
  readonly recoveryMs: number;
}

export interface Callers {
  /** From now on calls carry this key; sessions go on. */
  useKey(key: string): void;
  /** Resolves when each caller has got a right answer to a call begun at `since`, in epoch ms, or later. */
  served(since: number, deadlineMs: number): Promise<void>;
  /** Of calls that ended at `since` or later and before `until`, in epoch ms. */
  noticed(since: number, until?: number): Noticed;
  stop(): Promise<void>;
}

export function startCallers(options: {
  readonly url: string;
  readonly key: string;
  /** How the URL is reached; closed at the end. */
  readonly agent: Agent;
  /** Name of the argument of `RunSqlQuery`. */
  readonly sqlArgument: string;
  readonly seed: number;
}): Callers {
  let { key } = options;
  const callers = mixedCallers({
    ...options,
    key: () => key,
    lasting: CALLERS,
    passing: 0,
    deadlineMs: CALL_DEADLINE_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
  });
  return {
    useKey: (next) => {
      key = next;
    },
    served: async (since, deadlineMs) => {
      const servedOnes = () =>
        new Set(
          callers.records
            .filter(({ start, wrong }) => start >= since && wrong === undefined)
            .map(({ caller }) => caller),
        ).size;
      await eventually(
        `${CALLERS} callers are served`,
        async () => servedOnes() === CALLERS,
        deadlineMs,
      );
    },
    noticed: (since, until = Number.POSITIVE_INFINITY) => {
      const own = callers.records.filter(({ end }) => end >= since && end < until);
      const failed = own.filter(({ wrong }) => wrong !== undefined);
      return {
        calls: own.length,
        failed,
        recoveryMs: Math.max(0, ...failed.map(({ end }) => end - since)),
      };
    },
    stop: () => callers.stop(),
  };
}

/** Failed calls in words, one each: when it began after `since`, how long it took, why. */
export const inWords = (failed: readonly CallRecord[], since: number): string[] =>
  failed.map(
    ({ what, start, end, wrong }) => `${what} at ${start - since} ms, ${end - start} ms: ${wrong}`,
  );
