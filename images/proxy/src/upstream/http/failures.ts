/** Answers to requests that the remote server did not answer, and which of them may be sent again. */
import { type ClientRequest, CODE } from '../../jsonrpc/message.ts';
import { failure } from '../answers.ts';
import type { Answer } from '../upstream.ts';
import type { Trouble } from './trouble.ts';

/**
 * Whether a request may be sent a second time: when the server has refused it for its session alone, or when it only
 * reads. A call whose fate is not known is never sent again.
 */
export function mayRepeat({ method }: ClientRequest, { code }: Trouble): boolean {
  return code === 'session_gone' || (code === 'upstream_lost' && method !== 'tools/call');
}

export function failed(request: ClientRequest, trouble: Trouble, generation: number): Answer {
  const { code, undelivered, passing, retryAfter } = trouble;
  const { internalError, connectionClosed } = CODE;
  if (retryAfter !== undefined || (undelivered && passing))
    return {
      ...failure(request, 'unavailable', generation, internalError, code, trouble.message),
      retryAfter: retryAfter ?? 1,
    };
  if (code === 'too_large')
    return failure(request, code, generation, internalError, 'result_too_large', trouble.message);
  const fate = request.method === 'tools/call' && !undelivered;
  const message = fate ? `${trouble.message}; it may have worked on the call` : trouble.message;
  return code === 'upstream_lost'
    ? failure(request, code, generation, connectionClosed, code, message)
    : failure(request, 'error', generation, internalError, code, message);
}

export function notAnObject(request: ClientRequest): Answer {
  const text = 'the arguments of a tool must be an object';
  return failure(request, 'error', 0, CODE.invalidParams, 'invalid_arguments', text);
}
