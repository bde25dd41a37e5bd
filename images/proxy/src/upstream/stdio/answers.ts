/** Answers of our own to requests that the server did not answer, and what an answer of the server counts as. */
import { type ClientRequest, CODE, errorBytes } from '../../jsonrpc/message.ts';
import { isToolError, withClientId } from '../../jsonrpc/server-message.ts';
import { type Answer, CallAborted } from '../upstream.ts';
import type { Child, ServerResponse } from './child.ts';
import type { ProcessEnd } from './process.ts';

export function failure(
  request: ClientRequest,
  outcome: Answer['outcome'],
  generation: number,
  code: number,
  reason: string,
  message: string,
): Answer {
  return { message: [errorBytes(request.id, code, message, { reason })], outcome, generation };
}

export function answered(
  request: ClientRequest,
  response: ServerResponse,
  generation: number,
): Answer {
  const ok = isToolError(response.bytes) ? 'tool_error' : 'ok';
  const outcome = response.failed ? 'error' : ok;
  return { message: withClientId(response, request.id), outcome, generation };
}

export function busy(request: ClientRequest, message: string): Answer {
  return {
    ...failure(request, 'unavailable', 0, CODE.internalError, 'busy', message),
    retryAfter: 1,
  };
}

export function aborted(request: ClientRequest, signal: AbortSignal, generation: number): Answer {
  const reason =
    signal.reason instanceof CallAborted
      ? signal.reason
      : new CallAborted('cancelled', 'the request was cancelled');
  const code = reason.outcome === 'timeout' ? CODE.requestTimeout : CODE.connectionClosed;
  return failure(request, reason.outcome, generation, code, reason.outcome, reason.message);
}

export function tooLarge(
  request: ClientRequest,
  child: Child,
  length: number,
  limit: number,
): Answer {
  return failure(
    request,
    'too_large',
    child.generation,
    CODE.internalError,
    'result_too_large',
    `the answer has ${length} bytes and the limit is ${limit}; ask for less, for example with LIMIT or by aggregating`,
  );
}

export function died(request: ClientRequest, child: Child, end: ProcessEnd): Answer {
  return failure(
    request,
    'child_died',
    child.generation,
    CODE.connectionClosed,
    end.reason === 'out_of_memory' ? 'child_out_of_memory' : 'child_died',
    `the MCP server ${end.text} while it worked on this request; it is being restarted`,
  );
}

/** The value, or undefined when the signal aborts first. */
export function untilAborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const give = () => resolve(undefined);
    if (signal.aborted) return give();
    signal.addEventListener('abort', give, { once: true });
    void value.then((result) => {
      signal.removeEventListener('abort', give);
      resolve(result);
    });
  });
}
