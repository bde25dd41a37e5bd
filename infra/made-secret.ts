import type * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';

/** A secret that the program makes, and the one before it. */
export interface MadeSecret {
  readonly current: pulumi.Output<string>;
  /** None in generation 0. */
  readonly previous?: pulumi.Output<string>;
}

/**
 * Makes a secret that can be rotated: two slots, of which each generation fills one anew and leaves the other, with
 * the generation before it, alone. @param keepsPrevious whether the other slot is still there
 */
export function madeSecret(
  name: string,
  generation: number,
  keepsPrevious: boolean,
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
  return {
    current: slot(generation),
    ...(generation > 0 && keepsPrevious ? { previous: slot(generation - 1) } : {}),
  };
}
