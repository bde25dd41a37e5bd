/** How the client of a POST is asked what the server wants to know while it works on that POST. */
import type { Accepts } from '../front/accept.ts';
import type { Reply } from '../front/reply.ts';
import type { Streams } from '../front/streams.ts';
import { CODE, errorBytes } from '../jsonrpc/message.ts';
import { mayBeAsked } from '../upstream/methods.ts';
import type { AskClient, Caller, Pieces } from '../upstream/upstream.ts';
import type { ClientAsks } from './asks.ts';
import type { HttpExchange } from './era.ts';
import { primes } from './listen.ts';
import type { Session } from './session-id.ts';

export interface Post {
  readonly exchange: HttpExchange;
  readonly session: Session;
  readonly caller: Caller;
  readonly accepts: Accepts;
  readonly reply: Reply;
}

/** The way to the client of a POST: its own stream, or the session's where the client takes JSON only. */
export function asking(
  { asks, streams }: { asks: ClientAsks; streams: Streams },
  post: Post,
): AskClient {
  const { exchange, session, caller, accepts, reply } = post;
  const { response } = exchange;
  // Where a lost stream goes on, its client may still answer; the deadline decides.
  const returns = primes(session.version);
  const send = (message: Pieces): boolean => {
    if (!accepts.stream) return streams.send(session.name, message);
    if (response.destroyed && !returns) return false;
    reply.note(message);
    return true;
  };
  return async (request, signal) => {
    if (!mayBeAsked(request.method, caller.capabilities)) {
      const text = `this client does not offer ${request.method.slice(0, 100)}`;
      return [errorBytes(request.id, CODE.methodNotFound, text)];
    }
    const gone = new AbortController();
    const leave = () => gone.abort();
    if (!returns) response.once('close', leave);
    const answer = await asks.ask({
      session: session.name,
      request,
      signal,
      gone: gone.signal,
      send,
    });
    response.off('close', leave);
    return answer;
  };
}
