/** Answers that refuse an HTTP request: a JSON-RPC error without an id, which every client can show. */
import type { ServerResponse } from 'node:http';
import { CODE, errorBytes } from '../jsonrpc/message.ts';

export interface Problem {
  readonly status: number;
  readonly message: string;
  /** JSON-RPC code; −32000 when left out, as the SDKs' own servers answer. */
  readonly code?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown where a request is refused; what the client is told stands in it. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.name = 'Refused';
    this.problem = problem;
  }
}

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const { status, message, code = CODE.connectionClosed, headers = {} } = problem;
  const body = errorBytes('null', code, message);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}
