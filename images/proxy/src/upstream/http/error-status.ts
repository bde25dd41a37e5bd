/**
 * Some servers answer a failed tool call with a normal result whose JSON says `"status": "ERROR"`. Here it
 * becomes what MCP has for that, so that clients and models take it for a failure.
 */
import { elements, type Span, splice } from '../../jsonrpc/scan.ts';
import { insertMembers, isObjectAt, memberAt, parsed, valueAt } from './json-edits.ts';

/** A failure says why in a few words; larger answers are results. */
const LARGEST_FAILURE = 1024 * 1024;

/** The answer to tools/call, with `isError: true` when its JSON has this status. */
export function markFailure(answer: Buffer, status: string): Buffer {
  if (answer.length > LARGEST_FAILURE || !answer.includes('status')) return answer;
  const result = valueAt(answer, ['result']);
  if (!result || !isObjectAt(answer, result) || !hasStatus(answer, result, status)) return answer;
  const given = memberAt(answer, result.start, 'isError');
  const edit = given
    ? { span: given, value: 'true' }
    : insertMembers(answer, result.start, '"isError":true');
  return Buffer.concat(splice(answer, [edit]));
}

function hasStatus(bytes: Buffer, result: Span, status: string): boolean {
  const structured = memberAt(bytes, result.start, 'structuredContent');
  if (structured && statusOf(parsed(bytes, structured)) === status) return true;
  const content = memberAt(bytes, result.start, 'content');
  const parts = (content && elements(bytes, content.start)) ?? [];
  return parts.some(({ start }) => {
    const text = memberAt(bytes, start, 'text');
    const value = text && parsed(bytes, text);
    return typeof value === 'string' && statusOf(json(value)) === status;
  });
}

function statusOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { status?: unknown }).status;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
