/**
 * The seam between HTTP and the rest for one family of protocol revisions: an era turns requests of its clients
 * into messages for the upstream, and what comes back into answers. Host, Origin and key have been checked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outflow } from '../front/outflow.ts';
import type { Payload } from '../jsonrpc/message.ts';

export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Name of the caller's key. */
  readonly principal: string;
  /** Address of the client, as far as it can be trusted; undefined when its connection is gone. */
  readonly client: string | undefined;
  /** Told of what is written to the response. */
  readonly outflow: Outflow;
}

export interface Era {
  post(exchange: HttpExchange, payload: Payload): Promise<void>;
  get(exchange: HttpExchange): void;
  delete(exchange: HttpExchange): void;
  /** Ends every open stream. */
  close(): void;
}
