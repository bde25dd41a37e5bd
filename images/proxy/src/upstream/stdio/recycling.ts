/** When a child that works well is replaced all the same: many servers grow with their calls and their age. */

/** Limits of one child; 0 = none. */
export interface RecyclingLimits {
  readonly maxCalls: number;
  readonly maxAgeMs: number;
  /** Of the resident memory of its process group, in bytes. */
  readonly maxMemory: number;
}

export const NO_LIMITS: RecyclingLimits = { maxCalls: 0, maxAgeMs: 0, maxMemory: 0 };

export interface Wear {
  readonly calls: number;
  readonly ageMs: number;
  readonly rss: number;
}

/** Which limit a child has reached, as the log names it; undefined when none. */
export function limitReached(limits: RecyclingLimits, wear: Wear): string | undefined {
  const { maxCalls, maxAgeMs, maxMemory } = limits;
  if (maxCalls > 0 && wear.calls >= maxCalls) return 'calls';
  if (maxAgeMs > 0 && wear.ageMs >= maxAgeMs) return 'age';
  if (maxMemory > 0 && wear.rss >= maxMemory) return 'memory';
  return undefined;
}
