import type { HttpExchange } from '../era/era.ts';
import type { Caller } from '../upstream/upstream.ts';
import { readTraceparent } from './traceparent.ts';

/** Who sends the messages of an HTTP request, in a session of this name. */
export function callerOf({ request, principal, client }: HttpExchange, session: string): Caller {
  const traceparent = readTraceparent(request.headers.traceparent);
  return {
    principal,
    session,
    ...(client === undefined ? {} : { client }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}
