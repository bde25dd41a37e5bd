import type { ResourceType } from '../resource-type.ts';

/** Nothing on the engine: what is stored is as made, and deleting it is forgetting it. */
export const keptInState = {
  inPlace: [],
  autoNamed: false,
  look: async () => ({ is: 'as made' }),
} as const satisfies Partial<ResourceType>;
