/**
 * Who reaches whom, as it is: measured by connecting from inside each container's network namespace, from a container
 * that is not of the stack, and from this machine, to every address of every other.
 */
import { placeOutside } from './reach-outside.ts';
import { openPlaces, type Place } from './reach-places.ts';
import { attemptTwice, lookUp, type Socket } from './reach-probe.ts';
import { MACHINE, type Matrix, NOTHING, OUTSIDE, YES } from './reach-table.ts';

export interface Reach {
  /** The component of each running container. */
  readonly members: readonly string[];
  /** Ports that accept others, by component. */
  readonly ports: Readonly<Record<string, string>>;
  /** Ports that are reached by any address, those that only listen on loopback among them, should it be so. */
  readonly reached: Matrix;
  /** Components that each finds by any of their names. */
  readonly named: Readonly<Record<string, string>>;
  /** Whether something beyond this machine answers it; without that, `reached` says nothing of ways out. */
  readonly outside: boolean;
}

/** Ports of services, tried also where nobody listens on them. */
const TRIED = [8080, 8443, 9047, 9090];

export async function measureReach(stackName: string): Promise<Reach> {
  const outside = await placeOutside();
  await using places = await openPlaces(stackName);
  const { stack, stranger, machine } = places;
  const all = [...stack, stranger, machine];
  const rows = await Promise.all(
    all.map(async (from) => {
      const others = all.filter((place) => place !== from);
      const [cells, out, names] = await Promise.all([
        reachedFrom(from, others),
        outside && from !== machine ? attemptTwice(from.run, [outside]) : [],
        namedFrom(from, others),
      ]);
      const way = out.map((answer): [string, string] => [OUTSIDE, answer === null ? NOTHING : YES]);
      return { from: from.component, cells: [...cells, ...way], names };
    }),
  );
  return {
    members: stack.map(({ component }) => component).sort(),
    ports: folded(stack.map(({ component, seen }) => [component, listed(seen.open)])),
    reached: Object.fromEntries(
      [...Map.groupBy(rows, ({ from }) => from)].map(([from, same]) => [
        from,
        folded(same.flatMap(({ cells }) => cells)),
      ]),
    ),
    named: folded(
      rows.filter(({ from }) => from !== MACHINE).map(({ from, names }) => [from, names]),
    ),
    outside: outside !== undefined,
  };
}

/** For each of the others its component, and what of it is reached. */
async function reachedFrom(from: Place, others: readonly Place[]): Promise<[string, string][]> {
  const tries = others.flatMap((to) =>
    to.seen.addresses.flatMap((address) => [
      { to, socket: { address, port: to.beacon.port, awaits: 'word' } as Socket },
      ...portsToTry(to).map((port) => ({
        to,
        socket: { address, port, awaits: 'connection' } as Socket,
      })),
    ]),
  );
  const answers = await attemptTwice(
    from.run,
    tries.map(({ socket }) => socket),
  );
  return others.map((to) => {
    const its = tries
      .map((each, index) => ({ ...each, answer: answers[index] }))
      .filter((each) => each.to === to);
    const leading = its.filter(({ answer }) => answer === to.beacon.word);
    const addresses = leading.map(({ socket }) => socket.address);
    const ports = its
      .filter(({ socket, answer }) => answer === '' && addresses.includes(socket.address))
      .map(({ socket }) => socket.port);
    return [to.component, listed(ports) || (addresses.length > 0 ? YES : NOTHING)];
  });
}

/** None of this machine's: others than the stack listen there. */
const portsToTry = ({ component, seen }: Place): readonly number[] =>
  component === MACHINE ? [] : [...new Set([...TRIED, ...seen.open, ...seen.loopback])];

async function namedFrom(from: Place, others: readonly Place[]): Promise<string> {
  const asked = others.flatMap((to) => to.names.map((name) => ({ to, name })));
  const answers = await lookUp(
    from.run,
    asked.map(({ name }) => name),
  );
  const found = asked
    .filter(({ to }, index) =>
      answers[index]?.some((address) => to.seen.addresses.includes(address)),
    )
    .map(({ to }) => to.component);
  return [...new Set(found)].sort().join(' ') || NOTHING;
}

const listed = (ports: Iterable<number>) => [...new Set(ports)].sort((a, b) => a - b).join(' ');

/** One text for each key; where several of a component differ, it is one that nobody declared. */
const folded = (entries: readonly (readonly [string, string])[]): Record<string, string> =>
  Object.fromEntries(
    [...Map.groupBy(entries, ([key]) => key)].map(([key, all]) => [
      key,
      [...new Set(all.map(([, text]) => text))].join(' | '),
    ]),
  );
