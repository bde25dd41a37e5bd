/** How long the refresher takes to its first token, and to its end. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { makeWorkplace } from '../../test/helpers/refresher-process.ts';
import { seededRandom } from '../../test/helpers/seeded-random.ts';
import { type Measure, quantile } from '../measure.ts';
import { end, fileAppears, settingsFor, startService } from './service.ts';

const STARTS = 15;
const LATE_STARTS = 5;
const STOPS = 50;
/** Random moments lie this far after the first log line at most: start, login and write are over by then. */
const STOP_WITHIN_MS = 400;

/** Process start to token in the file, with a Dremio that is there and with one that comes later. */
export async function starts(): Promise<Measure[]> {
  const demo = await start({ data: false });
  const place = await makeWorkplace(DEMO_USER.password);
  const settings = settingsFor(demo.url, place);
  const whole: number[] = [];
  for (let run = 0; run < STARTS; run++) {
    const begin = performance.now();
    const child = startService(settings);
    whole.push((await fileAppears(place.tokenFile)) - begin);
    await end(child);
    rmSync(place.tokenFile);
  }
  const afterAnswer: number[] = [];
  for (let run = 0; run < LATE_STARTS; run++) {
    await demo.goOffline();
    let answeredAt = 0;
    const forget = demo.observe({
      login(success) {
        if (success) answeredAt = performance.now();
      },
    });
    const child = startService(settings, 'pipe');
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream }))
      if (line.includes('"login_failed"')) break;
    child.stdout?.resume();
    await demo.goOnline();
    const written = await fileAppears(place.tokenFile);
    afterAnswer.push(written - answeredAt);
    forget();
    await end(child);
    rmSync(place.tokenFile);
  }
  await demo.close();
  await place.remove();
  return [
    {
      what: `process start to token in the file, median of ${STARTS}`,
      value: quantile(whole, 0.5),
      unit: 'ms',
      limit: 1000,
    },
    { what: 'the same, slowest', value: Math.max(...whole), unit: 'ms' },
    {
      what: `first 200 of a late Dremio to token in the file, slowest of ${LATE_STARTS}`,
      value: Math.max(...afterAnswer),
      unit: 'ms',
      limit: 1000,
    },
  ];
}

/** SIGTERM at random moments, half of them in a login that takes a while. */
export async function stops(): Promise<Measure[]> {
  const random = seededRandom(1);
  const demo = await start({ data: false });
  const place = await makeWorkplace(DEMO_USER.password);
  const times: number[] = [];
  let failed = 0;
  for (let run = 0; run < STOPS; run++) {
    demo.faults.clear();
    if (run % 2) demo.faults.next('POST /apiv2/login', { delayMs: random() * STOP_WITHIN_MS });
    const child = startService(settingsFor(demo.url, place), 'pipe');
    const closed = once(child, 'close');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.stdout?.resume();
    await delay(random() * STOP_WITHIN_MS);
    const begin = performance.now();
    child.kill('SIGTERM');
    const [code] = await closed;
    times.push(performance.now() - begin);
    if (code !== 0) failed++;
    rmSync(place.tokenFile, { force: true });
  }
  await demo.close();
  await place.remove();
  return [
    {
      what: `SIGTERM to exit, slowest of ${STOPS} random moments`,
      value: Math.max(...times),
      unit: 'ms',
      limit: 2000,
    },
    { what: 'the same, median', value: quantile(times, 0.5), unit: 'ms' },
    { what: 'exits with another code than 0', value: failed, unit: 'exits', limit: 0 },
  ];
}
