/** GET of a session: a stream for what the server sends on its own account, or a lost stream that goes on. */
import { EventStream } from '../front/event-stream.ts';
import { Refused } from '../front/problem.ts';
import { answerLost } from '../front/resumable-stream.ts';
import type { Streams } from '../front/streams.ts';
import type { HttpExchange } from './era.ts';
import type { Session } from './session-id.ts';
import { type LegacyVersion, POLLING_VERSION } from './versions.ts';

/** True where clients know events without a message; older ones stumble over them. */
export const primes = (version: LegacyVersion): boolean => version >= POLLING_VERSION;

/** @throws Refused when the client names an event whose stream cannot go on. */
export function listen(streams: Streams, session: Session, exchange: HttpExchange): void {
  const { request, response, outflow } = exchange;
  const connection = () => new EventStream(response, outflow);
  const open = () => streams.open(session.name, 'get', primes(session.version));
  const last = request.headers['last-event-id'];
  if (typeof last !== 'string' || last === '') {
    open().connect(connection());
    return;
  }
  const found = streams.find(session.name, last);
  switch (found.kind) {
    case 'found':
      found.stream.connect(connection(), found.after);
      return;
    case 'anew':
      open().connect(connection());
      return;
    case 'gone': {
      if (!found.lost) throw new Refused(ANSWER_GONE);
      const { request: id, end } = found.lost;
      const stream = connection();
      stream.sendAs(end, [answerLost(id)]);
      stream.end();
      return;
    }
    case 'strange':
      throw new Refused(STRANGE_ID);
  }
}

/** Not 404: that would tell the client that its session is over. */
const ANSWER_GONE = {
  status: 410,
  message: 'the answer of this stream is not kept here; send the request again',
};
const STRANGE_ID = { status: 400, message: 'the Last-Event-ID is none that was given out here' };
