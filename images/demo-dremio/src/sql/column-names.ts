/** Names of result columns as Dremio gives them: `EXPR$<position>` for what has no name, no name twice. */

interface SelectItem {
  readonly class: string;
  readonly alias: string;
}

interface QueryNode {
  readonly type: string;
  readonly select_list?: readonly SelectItem[];
  readonly left?: QueryNode;
  readonly children?: readonly QueryNode[];
  readonly child?: QueryNode;
}

/** The select list that names the columns: of a set operation it is that of the first branch. */
function namingList(node: QueryNode | undefined): readonly SelectItem[] {
  if (!node) return [];
  if (node.select_list) return node.select_list;
  return namingList(node.left ?? node.children?.[0] ?? node.child);
}

const isStar = ({ class: kind }: SelectItem): boolean => kind === 'STAR';
const isNamed = ({ class: kind, alias }: SelectItem): boolean =>
  alias !== '' || kind === 'COLUMN_REF';

/**
 * Renames the engine's columns.
 * @param names the engine's names, in order
 * @param tree the statement as `json_serialize_sql` tells it, an object; when it could not tell, names stay
 */
export function dremioColumnNames(names: readonly string[], tree: unknown): string[] {
  const statements = (tree as { statements?: readonly { node?: QueryNode }[] } | null)?.statements;
  const items = namingList(statements?.[0]?.node);
  const renamed = [...names];
  const rename = (item: SelectItem | undefined, position: number) => {
    if (item && !isStar(item) && !isNamed(item)) renamed[position] = `EXPR$${position}`;
  };
  const firstStar = items.findIndex(isStar);
  const lastStar = items.findLastIndex(isStar);
  // A star stands for an unknown number of columns: count from the left before it, from the right after it.
  items.slice(0, firstStar < 0 ? undefined : firstStar).forEach(rename);
  if (lastStar >= 0)
    items.forEach((item, index) => {
      if (index > lastStar) rename(item, names.length - (items.length - index));
    });
  return withoutDuplicates(renamed);
}

/** A second `a` becomes `a0`, a third `a1`, as Calcite numbers them (SqlValidatorUtil.uniquify). */
function withoutDuplicates(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let attempt = 0; used.has(unique); attempt++) unique = `${name}${attempt}`;
    used.add(unique);
    return unique;
  });
}
