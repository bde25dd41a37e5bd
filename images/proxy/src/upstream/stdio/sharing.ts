/** Who shares a child with whom. */
import type { JsonObject } from '../../jsonrpc/message.ts';

export const SHARING = ['shared', 'call', 'session'] as const;
export type Sharing = (typeof SHARING)[number];

/**
 * What a child is told that its client can do, when it serves many: nothing where it could not be told which of
 * them it means, everything where each of its requests belongs to one call. The client's own word counts then.
 */
export const CAPABILITIES: Readonly<Record<'shared' | 'call', JsonObject>> = {
  shared: {},
  call: {
    sampling: { context: {}, tools: {} },
    elicitation: { form: {}, url: {} },
    roots: {},
  },
};
