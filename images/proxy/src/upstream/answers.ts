/** Answers of our own to requests that no server answered, and what a server's answer counts as; of any upstream. */
import { type ClientRequest, CODE, errorBytes } from '../jsonrpc/message.ts';
import { isToolError, type ServerResponse, withClientId } from '../jsonrpc/server-message.ts';
import { type Answer, CallAborted } from './upstream.ts';

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

/** The answer to a request that was given up; the signal's reason says why. */
export function aborted(request: ClientRequest, signal: AbortSignal, generation: number): Answer {
  const reason =
    signal.reason instanceof CallAborted
      ? signal.reason
      : new CallAborted('cancelled', 'the request was cancelled');
  const code = reason.outcome === 'timeout' ? CODE.requestTimeout : CODE.connectionClosed;
  return failure(request, reason.outcome, generation, code, reason.outcome, reason.message);
}

/** The value, or undefined when the signal aborts first. */
export function untilAborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const give = () => resolve(undefined);
    if (signal.aborted) return give();
    signal.addEventListener('abort', give);
    const forget = () => signal.removeEventListener('abort', give);
    value.then(
      (one) => {
        forget();
        resolve(one);
      },
      (error) => {
        forget();
        reject(error);
      },
    );
  });
}
