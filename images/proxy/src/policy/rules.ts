/** Which tools may be called: by name, and by what the server says of them. */

/** Rules of one place; what is left out rules nothing. */
export interface ToolRules {
  /** Only these: names, or beginnings of names with a `*` behind. */
  readonly allow?: readonly string[] | undefined;
  /** None of these, whatever else allows them. */
  readonly deny?: readonly string[] | undefined;
  /** Only tools that the server marks with `annotations.readOnlyHint: true`. */
  readonly readOnly?: boolean | undefined;
}

/** Whose rules they are: everybody's, or those of one key. */
export type RuleScope = 'settings' | 'key';
export interface ScopedRules extends ToolRules {
  readonly scope: RuleScope;
}

/** The kind of rule that a tool breaks. */
export type RuleKind = 'deny' | 'allow' | 'read_only';
export interface Denial {
  readonly rule: RuleKind;
  readonly scope: RuleScope;
}

/** A tool's name, or the beginning of one with a `*` behind it. */
export const toolPattern = {
  test: (text: string) => /^(?=.)[^*\p{Cc}]{0,128}\*?$/u.test(text),
  allowed: 'names of tools, or beginnings of names with a * behind',
};

const matches = (patterns: readonly string[], name: string) =>
  patterns.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : one === name));

export const isRule = ({ allow, deny, readOnly }: ToolRules): boolean =>
  allow !== undefined || (deny !== undefined && deny.length > 0) || readOnly === true;

/** The rule that stands against a tool of this name, as far as the name decides. */
export function deniedByName(rules: readonly ScopedRules[], name: string): Denial | undefined {
  for (const { scope, deny } of rules)
    if (deny && matches(deny, name)) return { rule: 'deny', scope };
  for (const { scope, allow } of rules)
    if (allow && !matches(allow, name)) return { rule: 'allow', scope };
  return undefined;
}

/** The rule that would stand against a tool that is not marked read-only. */
export function deniedUnlessReadOnly(rules: readonly ScopedRules[]): Denial | undefined {
  const found = rules.find(({ readOnly }) => readOnly === true);
  return found && { rule: 'read_only', scope: found.scope };
}

const OF = {
  settings: { deny: 'TOOLS_DENY', allow: 'TOOLS_ALLOW', read_only: 'TOOLS_READ_ONLY' },
  key: { deny: 'tools.deny', allow: 'tools.allow', read_only: 'tools.readOnly' },
} as const;

/** A denial in words for the client. */
export function denialText(name: string, { rule, scope }: Denial): string {
  const where = `${OF[scope][rule]} of ${scope === 'key' ? 'this key' : 'the proxy'}`;
  const tool = JSON.stringify(name);
  switch (rule) {
    case 'deny':
      return `the tool ${tool} is denied by ${where}`;
    case 'allow':
      return `the tool ${tool} is not among those that ${where} allows`;
    case 'read_only':
      return `the tool ${tool} is not marked read-only by the server, and ${where} lets only such tools through`;
  }
}
