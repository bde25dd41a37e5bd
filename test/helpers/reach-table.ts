/** Who may reach whom, as a table declares it: who shares a network does, and nobody else. */

/** What a component, or something beside the stack, is on. */
export interface Declared {
  readonly networks: readonly string[];
  /** TCP ports on which it accepts others; what has none is reached by a listener of the test's. */
  readonly ports?: readonly number[];
  /** How many of it there are; 1 when left out. */
  readonly replicas?: number;
}

export type Table = Readonly<Record<string, Declared>>;

/** Text for each pair of who reaches (row) and who is reached (column). */
export type Matrix = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** This machine, by any of its addresses. */
export const MACHINE = 'machine';
/** A place beyond this machine. It is reached and does not reach. */
export const OUTSIDE = 'outside';
/** A container that is not of the stack. */
export const STRANGER = 'stranger';

export const NOTHING = '-';
export const YES = 'yes';

/** Whether it is a component, and not something beside the stack. */
export const isOfStack = (name: string) => ![MACHINE, OUTSIDE, STRANGER].includes(name);

const shares = (one: Declared | undefined, other: Declared | undefined) =>
  one?.networks.some((network) => other?.networks.includes(network)) ?? false;

/** A cell for every pair that there is; the machine does not go out to itself. */
function pairs(table: Table, cell: (from: string, to: string) => string): Matrix {
  const names = Object.keys(table);
  const skipped = (from: string, to: string) =>
    from === to ? (table[to]?.replicas ?? 1) === 1 : from === MACHINE && to === OUTSIDE;
  return Object.fromEntries(
    names
      .filter((from) => from !== OUTSIDE)
      .map((from) => [
        from,
        Object.fromEntries(
          names.filter((to) => !skipped(from, to)).map((to) => [to, cell(from, to)]),
        ),
      ]),
  );
}

/** Ports that each reaches of each other. */
export const reachOf = (table: Table): Matrix =>
  pairs(table, (from, to) =>
    shares(table[from], table[to]) ? (table[to]?.ports?.join(' ') ?? YES) : NOTHING,
  );

/** Components that each finds by name: Docker tells names of a network to who is on it. */
export const namesOf = (table: Table): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(reachOf(table))
      .filter(([from]) => from !== MACHINE)
      .map(([from, row]) => {
        const found = Object.keys(row).filter((to) => isOfStack(to) && row[to] !== NOTHING);
        return [from, found.sort().join(' ') || NOTHING];
      }),
  );

/** Ports that each component of the stack accepts others on. */
export const portsOf = (table: Table): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(table)
      .filter(([name]) => isOfStack(name))
      .map(([name, { ports = [] }]) => [name, ports.join(' ')]),
  );

/** Lines with columns, as a person reads a matrix. */
export function drawn(matrix: Matrix): string[] {
  const columns = [...new Set(Object.values(matrix).flatMap((row) => Object.keys(row)))];
  const rows = [
    ['', ...columns],
    ...Object.entries(matrix).map(([from, row]) => [
      from,
      ...columns.map((column) => row[column] ?? ''),
    ]),
  ];
  const widths = ['', ...columns].map((_, index) =>
    Math.max(...rows.map((row) => row[index]?.length ?? 0)),
  );
  return rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '));
}
