/** The record of `tools/call`: one line each, of who called what, and how it ended. Results are never in it. */
import { hash } from 'node:crypto';
import type { Logger } from '../../kit/src/logger.ts';
import { readTraceparent } from './front/traceparent.ts';
import type { ClientRequest, JsonObject } from './jsonrpc/message.ts';
import type { LimitName } from './limits/places.ts';
import type { Denial } from './policy/rules.ts';
import { redactSql } from './redact.ts';
import type { Answer, Caller } from './upstream/upstream.ts';

export interface EndedCall {
  /** As it came from the client. */
  readonly request: ClientRequest;
  readonly caller: Caller;
  readonly answer: Answer;
  readonly queuedMs: number;
  readonly durationMs: number;
  readonly refused?: LimitName | undefined;
  readonly denial?: Denial | undefined;
}

const LONGEST_NAME = 128;
const LONGEST_SQL = 4_000;
/** Arguments that carry SQL, in tools whose name says so. */
const SQL_TOOL = /sql/i;
const SQL_ARGUMENTS = ['query', 'sql', 's', 'statement'];

export class CallAudit {
  readonly #log: Logger;
  readonly #withSql: boolean;

  constructor(log: Logger, { sql }: { sql: boolean }) {
    this.#log = log;
    this.#withSql = sql;
  }

  write(call: EndedCall): void {
    const { request, caller, answer, queuedMs, durationMs, refused, denial } = call;
    const { name } = request.params;
    const tool = typeof name === 'string' ? name : '';
    const traceparent = traceparentOf(call);
    this.#log.audit('tool_called', {
      principal: caller.principal,
      ...(caller.client === undefined ? {} : { client: caller.client }),
      session: caller.session,
      request: digest(request.id),
      tool: tool.slice(0, LONGEST_NAME),
      arguments: digest(argumentsOf(request)),
      ...(this.#withSql ? sqlOf(tool, request.params) : {}),
      outcome: answer.outcome,
      ...(refused === undefined ? {} : { limit: refused }),
      ...(denial === undefined ? {} : { rule: denial.rule, rule_of: denial.scope }),
      queue_ms: Math.round(queuedMs),
      duration_ms: Math.round(durationMs),
      generation: answer.generation,
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }
}

/** Names bytes without telling them. */
const digest = (text: string | Buffer) => `sha256:${hash('sha256', text, 'hex')}`;

/** A call's arguments, as the client wrote them. */
const argumentsOf = ({ bytes, argumentsSpan: span }: ClientRequest) =>
  span ? bytes.subarray(span.start, span.end) : '';

/** What the client put into the request counts before the header, as for the server. */
function traceparentOf({ request, caller }: EndedCall): string | undefined {
  const meta = request.params._meta as JsonObject | null | undefined;
  const given = meta?.traceparent;
  return given === undefined ? caller.traceparent : readTraceparent(given);
}

function sqlOf(tool: string, params: JsonObject): { sql?: string; sql_cut?: true } {
  if (!SQL_TOOL.test(tool)) return {};
  const given = params.arguments as JsonObject | null | undefined;
  const sql = SQL_ARGUMENTS.map((name) => given?.[name]).find((value) => typeof value === 'string');
  if (typeof sql !== 'string') return {};
  // Cut last: half a secret would not be known as one.
  const text = redactSql(sql.slice(0, 2 * LONGEST_SQL));
  const cut = sql.length > 2 * LONGEST_SQL || text.length > LONGEST_SQL;
  return { sql: text.slice(0, LONGEST_SQL), ...(cut ? { sql_cut: true } : {}) };
}
