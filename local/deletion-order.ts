/** The part of a stored resource that decides when it may be deleted. */
export interface Deletable {
  urn: string;
  dependencies: readonly string[];
}

/**
 * Orders a deletion: each wave holds what nothing in a later wave depends on, so that a wave can
 * be deleted side by side and the next one after it.
 */
export function deletionWaves<T extends Deletable>(resources: readonly T[]): T[][] {
  const waves: T[][] = [];
  let left = [...resources];
  while (left.length > 0) {
    const needed = new Set(
      left.flatMap(({ urn, dependencies }) => dependencies.filter((other) => other !== urn)),
    );
    const free = left.filter(({ urn }) => !needed.has(urn));
    // A circle cannot come from a program; should a state hold one, it must still be deletable.
    const wave = free.length > 0 ? free : left;
    waves.push(wave);
    left = left.filter((resource) => !wave.includes(resource));
  }
  return waves;
}
