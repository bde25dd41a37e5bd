import type * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';

/** A secret that the program makes, and another that is valid beside it while it is rotated. */
export interface MadeSecret {
  readonly current: pulumi.Output<string>;
  readonly beside?: pulumi.Output<string>;
}

/** Which other generation is there: the one before, the one to come, or neither. */
export type Beside = 'previous' | 'next' | 'none';

/**
 * Makes a secret that can be rotated: two slots, of which each generation fills one anew and leaves the other alone.
 * @param beside `previous` is none in generation 0
 */
export function madeSecret(
  name: string,
  generation: number,
  beside: Beside,
  parent: pulumi.Resource,
): MadeSecret {
  const slot = (number: number) =>
    new random.RandomPassword(
      number % 2 === 0 ? name : `${name}-2`,
      {
        length: 48,
        special: false,
        // The first has none, as it never had.
        ...(number === 0 ? {} : { keepers: { generation: String(number) } }),
      },
      { parent },
    ).result;
  const other = { previous: generation - 1, next: generation + 1, none: -1 }[beside];
  return { current: slot(generation), ...(other < 0 ? {} : { beside: slot(other) }) };
}
