/** Memory, files and work of the refresher over thousands of cycles: each looks at the files and asks Dremio. */
import { once } from 'node:events';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { makeWorkplace } from '../../test/helpers/refresher-process.ts';
import { type Measure, MIB, openFiles, residentBytes } from '../measure.ts';
import { end, settingsFor, startNode, warm } from './service.ts';

const PROGRAM = 'bench/refresher/cycles-child.ts';
const WARM_UP = 1_000;
const CYCLES = 10_000;
/** Short lives, so that there are rotations in between: one in 16 cycles. */
const TOKEN_LIFE_MS = 3_600_000;
const CHECK_INTERVAL_S = 180;

export async function cycles(): Promise<Measure[]> {
  const demo = await start({ tokenLifeMs: TOKEN_LIFE_MS, data: false, logCapacity: 10 });
  const place = await makeWorkplace(DEMO_USER.password);
  await warm(PROGRAM, ['--expose-gc']);
  const child = startNode(
    PROGRAM,
    { ...settingsFor(demo.url, place), CHECK_INTERVAL: `${CHECK_INTERVAL_S}` },
    { flags: ['--expose-gc'], ipc: true },
  );
  const pass = async (ticks: number) => {
    child.send(ticks);
    const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
    const pid = child.pid ?? 0;
    return { cpuUs: user + system, resident: residentBytes(pid), files: openFiles(pid) };
  };
  try {
    await once(child, 'message');
    const early = await pass(WARM_UP);
    const late = await pass(CYCLES - WARM_UP);
    const share = (late.cpuUs - early.cpuUs) / (CYCLES - WARM_UP) / 1000;
    const name = `${CYCLES} cycles with ${demo.tokens.issued} rotations`;
    return [
      { what: `memory after ${name}`, value: late.resident / MIB, unit: 'MiB', limit: 80 },
      {
        what: `growth since cycle ${WARM_UP}`,
        value: (late.resident - early.resident) / MIB,
        unit: 'MiB',
        limit: 5,
      },
      {
        what: `open files more than at cycle ${WARM_UP}`,
        value: late.files - early.files,
        unit: 'files',
        limit: 0,
      },
      { what: 'processor time of a cycle', value: share, unit: 'ms' },
    ];
  } finally {
    await end(child);
    await demo.close();
    await place.remove();
  }
}
