/** Calls a second and latencies, each contender in turn, so that what else the machine does hits all of them. */
import { quantile } from '../measure.ts';
import { type Contender, start } from './contender.ts';
import { type LoadResult, load } from './load.ts';
import { CALLERS, SECONDS, WARM_SECONDS } from './parameters.ts';

export interface Speed {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
  readonly rounds: number;
}

const WARM_CALLERS = 16;

export const median = (values: readonly number[]) => quantile(values, 0.5);

/** Results of all rounds, by contender and number of callers. */
export class Throughput {
  readonly #results = new Map<string, LoadResult[]>();

  /** Each contender is warmed first: what serves for months is compiled, and a start is measured elsewhere. */
  async round(contenders: readonly Contender[]): Promise<void> {
    for (const contender of contenders) {
      const { target, stop } = await start(contender);
      await load({ target, callers: WARM_CALLERS, forMs: WARM_SECONDS * 1000 });
      for (const callers of CALLERS) {
        const result = await load({ target, callers, forMs: SECONDS * 1000 });
        const key = `${contender.name} ${callers}`;
        this.#results.set(key, [...(this.#results.get(key) ?? []), result]);
        if (result.failed > 0)
          console.log(`${key} callers: ${result.failed} failed, first: ${result.firstFailure}`);
      }
      await stop();
    }
  }

  /** Medians over the rounds. */
  of(contender: string, callers: number): Speed {
    const results = this.#results.get(`${contender} ${callers}`) ?? [];
    return {
      perSecond: median(results.map(({ calls, seconds }) => calls / seconds)),
      p50: median(results.map(({ p50 }) => p50)),
      p99: median(results.map(({ p99 }) => p99)),
      failed: results.reduce((sum, { failed }) => sum + failed, 0),
      rounds: results.length,
    };
  }

  /** Of each program the mode with the most calls a second. */
  best(modes: readonly Contender[], callers: number): Contender[] {
    const rate = ({ name }: Contender) => this.of(name, callers).perSecond || 0;
    const isBest = (mode: Contender) =>
      modes.every((other) => other.program !== mode.program || rate(other) <= rate(mode));
    return modes.filter(isBest);
  }
}
