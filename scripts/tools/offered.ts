/** Which tools the official MCP server of a running stack offers, as its proxies say it. */
import { askOperations } from '../stack/operations.ts';
import type { RunningStack } from '../stack/running.ts';

/** Tools by name, each with the digest of its definition. */
export type Tools = ReadonlyMap<string, string>;

export interface OfferedTools {
  /** Of all of them. */
  readonly digest: string;
  readonly tools: Tools;
}

/**
 * Asks every proxy that can be asked, from inside its container.
 * @returns what they offer, each different answer once; one that has not heard its server yet gives none
 */
export async function offeredTools(stack: RunningStack): Promise<OfferedTools[]> {
  const { instances } = await stack.look();
  const answers = await Promise.all(
    instances.map(({ component, state, container }) =>
      component === 'proxy' && state === 'running' && container !== null
        ? askOperations(stack.docker, container, 'status')
        : undefined,
    ),
  );
  const offered = answers.flatMap((answer) => offeredIn(answer?.body ?? '') ?? []);
  return [...new Map(offered.map((one) => [one.digest, one])).values()];
}

/** Reads what a proxy says at `/status`; `undefined` when that is something else, or it does not know its tools. */
export function offeredIn(body: string): OfferedTools | undefined {
  try {
    const { tools_digest: digest, tools } = JSON.parse(body) as Record<string, unknown>;
    if (typeof digest !== 'string' || typeof tools !== 'object' || tools === null) return undefined;
    return { digest, tools: new Map(Object.entries(tools)) };
  } catch {
    return undefined;
  }
}
