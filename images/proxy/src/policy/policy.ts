/** The rules for tools on their way: enforced on `tools/call`, and what they deny is left out of `tools/list`. */
import { type ClientRequest, CODE, errorBytes } from '../jsonrpc/message.ts';
import type { Answer, Caller } from '../upstream/upstream.ts';
import type { ToolCatalogue } from './catalogue.ts';
import {
  type Denial,
  denialText,
  deniedByName,
  deniedUnlessReadOnly,
  isRule,
  type ScopedRules,
  type ToolRules,
} from './rules.ts';
import { filterTools } from './tool-list.ts';

export interface ToolPolicyOptions {
  /** Rules for everybody. */
  readonly rules: ToolRules;
  /** Rules of one key, besides. */
  rulesOf(principal: string): ToolRules | undefined;
  readonly catalogue: Pick<ToolCatalogue, 'readOnly' | 'saw'>;
}

/** A request that goes no further: the answer to it, and the rule it broke, if that is why. */
export interface Stopped {
  readonly answer: Answer;
  readonly denial?: Denial;
}

const LONGEST_NAME = 128;

export class ToolPolicy {
  readonly #options: ToolPolicyOptions;
  readonly #common: readonly ScopedRules[];

  constructor(options: ToolPolicyOptions) {
    this.#options = options;
    this.#common = isRule(options.rules) ? [{ ...options.rules, scope: 'settings' }] : [];
  }

  /** Why a request must not reach the server; undefined when it may. */
  check(
    request: ClientRequest,
    caller: Caller,
  ): Stopped | undefined | Promise<Stopped | undefined> {
    if (request.method !== 'tools/call') return undefined;
    const rules = this.#rules(caller.principal);
    if (rules.length === 0) return undefined;
    // What is not text is no tool that a rule could allow.
    const { name } = request.params;
    if (typeof name !== 'string') return denied(request, '', { rule: 'allow', scope: 'settings' });
    const denial = deniedByName(rules, name);
    if (denial) return denied(request, name, denial);
    const unlessReadOnly = deniedUnlessReadOnly(rules);
    return unlessReadOnly && this.#checkReadOnly(request, name, unlessReadOnly, caller);
  }

  /** The answer as this key may see it. */
  shown(request: ClientRequest, principal: string, answer: Answer): Answer {
    this.#options.catalogue.saw(answer.generation);
    if (request.method !== 'tools/list' || answer.outcome !== 'ok') return answer;
    const rules = this.#rules(principal);
    if (rules.length === 0) return answer;
    const onlyReading = deniedUnlessReadOnly(rules) !== undefined;
    const message = filterTools(
      Buffer.concat([...answer.message]),
      ({ name, readOnly }) => !deniedByName(rules, name) && (readOnly || !onlyReading),
    );
    if (message) return { ...answer, message };
    const reason = 'the list of tools cannot be read, so that it cannot be filtered';
    return {
      ...answer,
      outcome: 'error',
      message: [errorBytes(request.id, CODE.internalError, reason)],
    };
  }

  #rules(principal: string): readonly ScopedRules[] {
    const own = this.#options.rulesOf(principal);
    return own && isRule(own) ? [...this.#common, { ...own, scope: 'key' }] : this.#common;
  }

  async #checkReadOnly(
    request: ClientRequest,
    name: string,
    denial: Denial,
    caller: Caller,
  ): Promise<Stopped | undefined> {
    const readOnly = await this.#options.catalogue.readOnly(caller);
    if (readOnly) return readOnly.has(name) ? undefined : denied(request, name, denial);
    const message = 'the server does not tell now which of its tools are read-only; try again';
    return {
      answer: {
        message: [errorBytes(request.id, CODE.internalError, message, { reason: 'tools_unknown' })],
        outcome: 'unavailable',
        generation: 0,
        retryAfter: 2,
      },
    };
  }
}

function denied({ id }: ClientRequest, name: string, denial: Denial): Stopped {
  const shown = name.slice(0, LONGEST_NAME);
  const data = { reason: 'tool_denied', tool: shown, rule: denial.rule, scope: denial.scope };
  const message = [errorBytes(id, CODE.invalidParams, denialText(shown, denial), data)];
  return { answer: { message, outcome: 'denied', generation: 0 }, denial };
}
