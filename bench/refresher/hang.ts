/** How fast the refresher answers for its health while a login gets no answer, beside a server that does nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { makeWorkplace } from '../../test/helpers/refresher-process.ts';
import { type Measure, quantile } from '../measure.ts';
import { end, settingsFor, startService } from './service.ts';

/** A login is given up after 30 s. */
const HANG_MS = 29_000;
const PAUSE_MS = 10;
const LIMIT_MS = 50;

const IDLE_SERVER = `require('node:http').createServer((_, response) => response.end('{}'))
  .listen(0, function () { console.log(this.address().port); });`;

interface Asked {
  readonly what: string;
  readonly port: number;
  readonly path: string;
  readonly limit?: number;
  /** Answer times, ms. */
  readonly taken: number[];
}

export async function hang(): Promise<Measure[]> {
  const demo = await start({
    data: false,
    faults: [{ on: 'POST /apiv2/login', answer: { connection: 'hang', times: Infinity } }],
  });
  const place = await makeWorkplace(DEMO_USER.password);
  const idle = spawn(process.execPath, ['-e', IDLE_SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const child = startService(settingsFor(demo.url, place), 'pipe');
  const agent = new Agent({ keepAlive: true });
  const answer = (port: number, path: string) =>
    new Promise<number>((resolve, reject) => {
      const begin = performance.now();
      get({ port, path, agent }, (response) => {
        response.resume().on('end', () => resolve(performance.now() - begin));
      }).on('error', reject);
    });
  try {
    const [idlePort] = (await once(idle.stdout, 'data')) as [Buffer];
    let port = 0;
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      const entry = JSON.parse(line) as { event: string; operations_port?: number };
      port = entry.operations_port ?? port;
      if (entry.event === 'login_attempt') break;
    }
    const asked: Asked[] = [
      { what: '/readyz', port, path: '/readyz', taken: [], limit: LIMIT_MS },
      { what: '/livez', port, path: '/livez', taken: [], limit: LIMIT_MS },
      { what: 'a server that does nothing', port: Number(idlePort), path: '/', taken: [] },
    ];
    const until = performance.now() + HANG_MS;
    while (performance.now() < until)
      for (const { port, path, taken } of asked) {
        taken.push(await answer(port, path));
        await delay(PAUSE_MS);
      }
    return asked.flatMap(({ what, taken, limit }): Measure[] => [
      {
        what: `${what} during a login that hangs, p50 of ${taken.length}`,
        value: quantile(taken, 0.5),
        unit: 'ms',
      },
      { what: `${what}, p99`, value: quantile(taken, 0.99), unit: 'ms', ...(limit && { limit }) },
      // What the machine does besides shows in the slowest: hence the server beside it.
      { what: `${what}, slowest`, value: Math.max(...taken), unit: 'ms' },
    ]);
  } finally {
    agent.destroy();
    idle.kill();
    await end(child);
    await demo.close();
    await place.remove();
  }
}
