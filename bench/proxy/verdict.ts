/** What was measured, beside what is asked for. */

export interface Demand {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A value that could not be measured keeps no limit. */
const isMet = ({ value, atLeast = -Infinity, atMost = Infinity }: Demand) =>
  value >= atLeast && value <= atMost;

/** Prints a line for each demand. @returns whether all are met */
export function judge(demands: readonly Demand[]): boolean {
  console.table(
    demands.map((demand) => {
      const { what, value, unit, atLeast, atMost } = demand;
      return {
        what,
        measured: `${value.toFixed(2)} ${unit}`,
        wanted: `${atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`} ${unit}`,
        '': isMet(demand) ? '' : 'MISSED',
      };
    }),
  );
  return demands.every(isMet);
}
