/** What a client is told whose request was refused for a limit: which one, its value, and when to come again. */
import { CODE, errorBytes } from '../jsonrpc/message.ts';
import type { Answer } from '../upstream/upstream.ts';
import type { Refusal } from './places.ts';

interface Told {
  readonly status: 429 | 503;
  /** Setting or option that holds the limit. */
  readonly name: string;
  readonly retryAfter: number;
  readonly text: string;
}

function told({ limit, value }: Refusal, ownKeyLimit: boolean): Told {
  switch (limit) {
    case 'key':
      return {
        status: 429,
        name: ownKeyLimit ? 'maxInFlight' : 'MAX_IN_FLIGHT_PER_KEY',
        retryAfter: 1,
        text: `this key already has ${value} requests running or waiting, and may have no more`,
      };
    case 'session':
      return {
        status: 429,
        name: 'MAX_IN_FLIGHT_PER_SESSION',
        retryAfter: 1,
        text: `this session already has ${value} requests running or waiting, and may have no more`,
      };
    case 'queue':
      return {
        status: 503,
        name: 'QUEUE_LENGTH',
        retryAfter: 2,
        text: `the proxy is full: ${value} requests already wait for the MCP server`,
      };
    case 'queue_wait':
      return {
        status: 503,
        name: 'QUEUE_WAIT',
        retryAfter: 2,
        text: `the proxy is full: this request waited ${value / 1000} s for the MCP server`,
      };
  }
}

/**
 * The answer to a refused request; `id` is JSON text.
 * @param ownKeyLimit whether the key has a limit of its own, in the key file
 */
export function refusedAnswer(id: string, refusal: Refusal, ownKeyLimit: boolean): Answer {
  const { status, name, retryAfter, text } = told(refusal, ownKeyLimit);
  const value = refusal.limit === 'queue_wait' ? refusal.value / 1000 : refusal.value;
  const data = { reason: 'over_limit', limit: name, value, retryAfter };
  const message = `${text} (${name}); try again in ${retryAfter} s`;
  return {
    message: [errorBytes(id, CODE.internalError, message, data)],
    outcome: 'refused',
    generation: 0,
    status,
    retryAfter,
  };
}
