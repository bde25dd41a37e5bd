/**
 * What a stack costs: time to deploy with images there, time of a second `up`, size of each image over its base, memory
 * of each service at rest. Deploys a stack of its own with the runner and removes it.
 *
 *     node bench/footprint.ts
 */
import { deploy, docker, engineName } from '../test/helpers/stack.ts';
import { MIB, residentBytes } from './measure.ts';

/** How long a service is left alone before its memory is read. */
const REST_MS = 20_000;

const LIMITS = {
  demo: { imageMiB: 80, memoryMiB: 200 },
  refresher: { imageMiB: 80, memoryMiB: 80 },
  proxy: { imageMiB: 320, memoryMiB: 260 },
} as const;

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const mebibytes = (bytes: number) => `${(bytes / MIB).toFixed(0)} MiB`;

async function timed<T>(task: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await task();
  return { value, ms: performance.now() - start };
}

/** Resident memory of every process of a container (what they share counts for each), in bytes. */
async function residentMemory(name: string): Promise<number> {
  const { Processes } = (await docker.getContainer(name).top({ ps_args: '-eo pid' })) as {
    Processes: string[][];
  };
  return Processes.flat()
    .map((pid) => residentBytes(Number(pid)))
    .reduce((sum, each) => sum + each, 0);
}

const first = await timed(() => deploy({ demo: 'true' }));
const stack = first.value;
try {
  const second = await timed(() => stack.up());
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const rows = [];
  for (const [component, limit] of Object.entries(LIMITS)) {
    const name = engineName(stack, component);
    const { Image } = await docker.getContainer(name).inspect();
    const { Size, Config } = await docker.getImage(Image).inspect();
    const base = Config.Labels?.['org.opencontainers.image.base.name'];
    const { Size: baseSize } = base ? await docker.getImage(base).inspect() : { Size: 0 };
    const memory = await residentMemory(name);
    rows.push({
      service: component,
      'image over base': mebibytes(Size - baseSize),
      'at most': `${limit.imageMiB} MiB`,
      'memory at rest': mebibytes(memory),
      'at most ': `${limit.memoryMiB} MiB`,
    });
  }
  console.table(rows);
  console.table([
    { step: 'up, images there', time: seconds(first.ms), 'at most': '60 s' },
    { step: 'up again, nothing changed', time: seconds(second.ms), 'at most': '10 s' },
  ]);
} finally {
  await stack.remove();
}
