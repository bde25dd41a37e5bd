/** How much is measured. Each round does its share of everything, so that one round is a short form of the whole. */

const positive = (name: string, fallback: number): number => {
  const text = process.env[name] ?? String(fallback);
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} is ${text}; expected a number above 0`);
  return value;
};

export const ROUNDS = positive('ROUNDS', 5);
/** Seconds of load for each contender and each number of callers, a round. */
export const SECONDS = positive('SECONDS', 3);
/** Seconds of load before the first measurement of a process that was just started. */
export const WARM_SECONDS = positive('WARM_SECONDS', 8);
export const CALLERS = (process.env.CALLERS ?? '1,16,64').split(',').map(Number);
/** Names of contenders to leave out all others; for profiling one. */
export const ONLY = process.env.ONLY?.split(',');
/** Folder for CPU profiles of our proxy. */
export const PROFILE = process.env.PROFILE || undefined;

/** Amounts of five rounds are those that the limits speak of. */
export const SESSIONS = 200 * ROUNDS;
export const RECOVERIES = 4 * ROUNDS;
export const GROWTH_CALLS = 20_000 * ROUNDS;
/** Of 1 MiB each. */
export const GROWTH_ANSWERS = 1_000 * ROUNDS;
export const CHANGES = 10 * ROUNDS;
export const CALLS_PER_CHANGE = 400;
export const BIG_ANSWERS = 2 * ROUNDS;
