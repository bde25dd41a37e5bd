/** Answers to what the proxy itself asks of the remote server. */
import type { ServerResponse } from '../../jsonrpc/server-message.ts';
import type { Remote } from './remote.ts';
import { Trouble } from './trouble.ts';

type Address = Pick<Remote, 'address'>;

/** What cannot be read in an answer is a trouble of the server. @throws Trouble */
export function readFrom<T>({ address }: Address, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new Trouble('upstream_unwell', `the MCP server at ${address}: ${what}`);
  }
}

/** The result, decoded. @throws Trouble for an error, and for what is not JSON */
export function resultOf(method: string, { bytes }: ServerResponse, server: Address): unknown {
  return readFrom(server, () => {
    const { result, error } = JSON.parse(bytes.toString('utf8')) as {
      result?: unknown;
      error?: { message?: unknown };
    };
    if (error) throw new Error(`refuses ${method}: ${String(error.message).slice(0, 300)}`);
    return result;
  });
}
