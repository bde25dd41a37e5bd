/** Answers to requests that a child did not answer as it should. */
import { type ClientRequest, CODE } from '../../jsonrpc/message.ts';
import { failure } from '../answers.ts';
import type { Answer } from '../upstream.ts';
import type { Child } from './child.ts';
import type { ProcessEnd } from './process.ts';

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
