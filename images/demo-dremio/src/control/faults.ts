/** Faults that a test orders: what the next requests to some path get instead of the real answer. */
import { type Answer, failure, html, json, plain, rawJson } from '../http/answer.ts';

/** What a request gets. Without a status the real answer comes, after `delayMs`. */
export interface FaultAnswer {
  /** HTTP status; 200 when only a body is given. */
  readonly status?: number;
  /** Sent as JSON; with `json`, `html` and `text` all absent an error status has Dremio's error shape, 401 none. */
  readonly json?: unknown;
  readonly html?: string;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Waits this long first, in real milliseconds. */
  readonly delayMs?: number;
  /** `reset` ends the connection without an answer, `hang` never answers. */
  readonly connection?: 'reset' | 'hang';
  /** How many requests get it; 1 when left out, `Infinity` until cleared. */
  readonly times?: number;
}

/**
 * Which requests: a regular expression on `METHOD /path`, or text `METHOD /path` or `/path` for every method,
 * in which `*` stands for anything.
 */
export type FaultPattern = string | RegExp;

/** A fault as an option of `start`. */
export interface Fault {
  readonly on: FaultPattern;
  readonly answer: FaultAnswer;
}

function expressionOf(pattern: FaultPattern): RegExp {
  if (typeof pattern !== 'string')
    return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  const text = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(pattern.startsWith('/') ? `^[A-Z]+ ${text}$` : `^${text}$`);
}

/** The HTTP answer that a fault orders, or undefined when the real one is to come. */
export function answerOf(fault: FaultAnswer): Answer | undefined {
  const { status, headers = {} } = fault;
  const base = ((): Answer | undefined => {
    if (fault.html !== undefined) return html(status ?? 200, fault.html);
    if (fault.text !== undefined) return plain(status ?? 200, fault.text);
    if (fault.json !== undefined) return json(status ?? 200, fault.json);
    if (status === undefined) return undefined;
    if (status === 401 || status < 400) return { ...rawJson(status, ''), headers: {} };
    return failure(status, `Ordered by a fault: status ${status}`);
  })();
  return base && { ...base, headers: { ...base.headers, ...headers } };
}

export class FaultPlan {
  #faults: { expression: RegExp; answer: FaultAnswer; left: number }[] = [];

  /** Orders a fault; those ordered first come first. Returns a function that withdraws it. */
  next(on: FaultPattern, answer: FaultAnswer): () => void {
    const times = answer.times ?? 1;
    if (!(times > 0)) throw new RangeError(`times is ${times}; expected a number above 0`);
    const fault = { expression: expressionOf(on), answer, left: times };
    this.#faults.push(fault);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== fault);
    };
  }

  /** Withdraws every fault. */
  clear(): void {
    this.#faults = [];
  }

  /** How many faults are still in force. */
  get pending(): number {
    return this.#faults.length;
  }

  /** The fault for a request, used up by one. */
  take(method: string, path: string): FaultAnswer | undefined {
    const fault = this.#faults.find(({ expression }) => expression.test(`${method} ${path}`));
    if (!fault) return undefined;
    fault.left--;
    if (fault.left <= 0) this.#faults = this.#faults.filter((other) => other !== fault);
    return fault.answer;
  }
}
