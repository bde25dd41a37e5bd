import { Agent, fetch as undiciFetch } from 'undici';

/**
 * Connections that look every name up as this machine, and believe certificates of one authority alone.
 * @param socketPath a socket to connect to in the place of a port
 */
export const agentHere = (ca: string, socketPath?: string) =>
  new Agent({
    connect: {
      ca,
      ...(socketPath === undefined ? {} : { socketPath }),
      lookup: (_name, { all }, found) =>
        all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
    },
  });

/** `fetch` over such connections. */
export function fetchHere(ca: string, socketPath?: string): typeof fetch {
  const dispatcher = agentHere(ca, socketPath);
  const here = (input: unknown, init: object = {}) =>
    undiciFetch(input as string, { ...init, dispatcher });
  return here as unknown as typeof fetch;
}
