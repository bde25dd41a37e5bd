/**
 * The controls of a stand-in in another process, under `/__demo/`: for tests only, off unless asked for, and answered
 * to callers on loopback only. In the same process, call the methods instead.
 */

import type { TokenStore } from '../access/tokens.ts';
import { empty, json, refuse } from '../http/answer.ts';
import { jsonObject, textField } from '../http/body.ts';
import type { Call, Route } from '../http/route.ts';
import type { FaultAnswer, FaultPlan } from './faults.ts';
import type { RequestLog } from './request-log.ts';

export interface ControlParts {
  readonly tokens: TokenStore;
  readonly faults: FaultPlan;
  readonly requests: RequestLog;
  setJobLatency(ms: number): void;
  setMasterDown(down: boolean): void;
}

type Body = Readonly<Record<string, unknown>>;

/** Orders one fault: `{"on": "GET /api/v3/*", "answer": {"status": 503, "times": 2}}`. */
function orderFault({ faults }: ControlParts, body: Body): void {
  const { answer } = body;
  const on = textField(body, 'on');
  if (on === undefined || typeof answer !== 'object' || answer === null)
    throw refuse(400, 'Expected {"on": "METHOD /path", "answer": {"status": …}}');
  try {
    faults.next(on, answer as FaultAnswer);
  } catch (error) {
    throw refuse(400, error instanceof Error ? error.message : String(error));
  }
}

function numberField(body: Body, name: string): number {
  const value = body[name];
  if (typeof value !== 'number' || !(value >= 0))
    throw refuse(400, `The field "${name}" must be a number of 0 or more`);
  return value;
}

export function controlRoutes(parts: ControlParts): Route[] {
  const { tokens, faults, requests } = parts;
  const onLoopback = (handle: Route['handle']) => (call: Call) => {
    if (!call.fromLoopback) throw refuse(403, 'The controls answer to loopback only');
    return handle(call);
  };
  const route = (
    method: Route['method'],
    path: string,
    handle: (call: Call) => unknown,
  ): Route => ({
    method,
    path: `/__demo/${path}`,
    access: 'open',
    handle: onLoopback((call) => {
      const value = handle(call);
      return value === undefined ? empty(204) : json(200, value);
    }),
  });
  return [
    route('GET', 'tokens', () => ({
      issued: tokens.issued,
      valid: tokens.valid,
      distinctUsed: tokens.distinctUsed,
      usedAfterEnd: tokens.usedAfterEnd,
    })),
    route('POST', 'tokens/expire', () => ({ expired: tokens.expireAll() })),
    route('POST', 'tokens/revoke', (call) => ({
      revoked: tokens.revoke(textField(jsonObject(call), 'token') ?? ''),
    })),
    route('GET', 'requests', () => ({ total: requests.total, requests: requests.entries() })),
    route('POST', 'faults', (call) => orderFault(parts, jsonObject(call))),
    route('DELETE', 'faults', () => faults.clear()),
    route('PUT', 'master-down', (call) => parts.setMasterDown(jsonObject(call).down === true)),
    route('PUT', 'job-latency', (call) => parts.setJobLatency(numberField(jsonObject(call), 'ms'))),
  ];
}
