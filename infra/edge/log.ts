/** The edge's log: one JSON object a line, with the fields that all services have. */
import { block, type Lines, word } from './text.ts';

/**
 * Of a request: method, host, path, addresses; of headers nothing, since keys and session ids are among them, and of
 * a query nothing either. That holds for lines at `debug` too, where Caddy logs the requests that it sends.
 */
const UNLOGGED = ['request>headers', 'request>tls', 'resp_headers', 'headers', 'user_id'];

export const log = (level: string): Lines =>
  block(
    'log',
    'output stdout',
    `level ${word('logLevel', level).toUpperCase()}`,
    ...block(
      'format append',
      'service edge',
      ...block(
        'wrap filter',
        'request>uri regexp \\?.* ""',
        ...UNLOGGED.map((field) => `${field} delete`),
        ...block('wrap json', 'time_key time', 'time_format rfc3339_nano', 'message_key event'),
      ),
    ),
  );
