/** Where to stand when looking who reaches whom: beside each container of a stack, beside no stack, on this machine. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { here, type Run, type Survey, survey } from './reach-probe.ts';
import { MACHINE, STRANGER } from './reach-table.ts';
import { docker, eventually, execNode } from './stack.ts';

export interface Place {
  readonly component: string;
  /** Under which others may know it. */
  readonly names: readonly string[];
  readonly run: Run;
  /** A listener that says `word`: whatever else has the same address somewhere is not taken for this place. */
  readonly beacon: { readonly port: number; readonly word: string };
  /** Without the beacon. */
  readonly seen: Survey;
}

export interface Places extends AsyncDisposable {
  readonly stack: readonly Place[];
  readonly stranger: Place;
  readonly machine: Place;
}

const BEACON_PORT = 5999;

const beaconScript = (word: string) =>
  `require('node:net').createServer((s) => s.on('error', () => {}).end('${word}')).listen(${BEACON_PORT}, '0.0.0.0')`;

/** Opens them for a stack of either platform that has a refresher, whose image serves to look. */
export async function openPlaces(stack: string): Promise<Places> {
  const members = await membersOf(stack);
  const image = members.find(({ component }) => component === 'refresher')?.image;
  if (image === undefined) throw new Error(`no refresher of the stack "${stack}" runs`);
  await using made = new AsyncDisposableStack();
  const beside = async (network: string, word: string): Promise<Run> => {
    const container = await docker.createContainer({
      Image: image,
      User: '65534:65534',
      Entrypoint: ['node', '-e', beaconScript(word)],
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { Init: true, NetworkMode: network },
    });
    made.defer(() => container.remove({ force: true }));
    await container.start();
    return (script) => execNode(container.id, script);
  };
  const place = async (component: string, names: readonly string[], network: string) => {
    const beacon = { port: BEACON_PORT, word: network };
    return surveyed({ component, names, run: await beside(network, beacon.word), beacon });
  };
  const [stranger, ...others] = await Promise.all([
    place(STRANGER, [], 'bridge'),
    ...members.map(({ component, id, names }) => place(component, names, `container:${id}`)),
  ]);

  const listener = createServer((socket) => socket.on('error', () => {}).end(MACHINE));
  made.defer(() => void listener.close());
  await once(listener.listen(0, '0.0.0.0'), 'listening');
  const { port } = listener.address() as AddressInfo;
  const beacon = { port, word: MACHINE };
  // After the others: a bridge without a container counts as unplugged, and its address as none.
  const machine = await surveyed({ component: MACHINE, names: [], run: here, beacon });
  const everything = made.move();
  return {
    stack: others,
    stranger,
    machine,
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  };
}

async function membersOf(stack: string) {
  const running = await docker.listContainers({ filters: { label: [`lakehouse.stack=${stack}`] } });
  return running.map(({ Id: id, ImageID: image, Labels, Names }) => {
    const component = Labels['lakehouse.component'] ?? '';
    const name = `lakehouse-${stack}-${component}`;
    // On Swarm, the tasks of a service share a name, and each container has one of its own.
    const names = [component, name, `tasks.${name}`, ...Names.map((own) => own.slice(1))];
    return { id, image, component, names: [...new Set(names)] };
  });
}

function surveyed(place: Omit<Place, 'seen'>): Promise<Place> {
  const { port } = place.beacon;
  return eventually(`the listener beside ${place.component} listens`, async () => {
    const seen = await survey(place.run);
    const open = seen.open.filter((each) => each !== port);
    return seen.open.includes(port) && { ...place, seen: { ...seen, open } };
  });
}
