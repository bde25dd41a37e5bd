/** What PromQL expressions ask for, as far as our rules and the dashboard write them. */

const KEYWORDS: ReadonlySet<string> = new Set([
  ...['and', 'or', 'unless', 'bool', 'offset'],
  ...['sum', 'max', 'min', 'count', 'avg', 'by', 'without', 'on', 'ignoring'],
]);

/** The metrics of an expression: the names that are no function, keyword or label. */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !KEYWORDS.has(name));
}

export interface Selection {
  readonly metric: string;
  readonly label: string;
  /** One value, or one alternative of a pattern. */
  readonly value: string;
}

/** The selectors of an expression: metric, label, and each value that is asked for or left out. */
export function selectionsIn(expr: string): Selection[] {
  return [...expr.matchAll(/([\w:]+)\{([^}]*)\}/g)].flatMap(([, metric = '', matchers = '']) =>
    [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(
      ([, label = '', values = '']) => values.split('|').map((value) => ({ metric, label, value })),
    ),
  );
}
