/** The refresher beside the least that does its work at all: a loop of login, write and sleep in shell and in Python. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { makeWorkplace } from '../../test/helpers/refresher-process.ts';
import { MIB, quantile, residentBytes } from '../measure.ts';
import { end, fileAppears, settingsFor, startService } from './service.ts';

const STARTS = 7;
/** How long a process is left alone before its memory is read. */
const REST_MS = 10_000;

/** No checks, no retries, no expiry: what a script of a few lines does. */
const SHELL = `while :; do
  curl -s -H 'content-type: application/json' \\
    -d "{\\"userName\\":\\"$DREMIO_USERNAME\\",\\"password\\":\\"$(cat "$DREMIO_PASSWORD_FILE")\\"}" \\
    "$DREMIO_URL/apiv2/login" > "$TOKEN_FILE"
  sleep 72000
done`;
const PYTHON = `import json, os, time, urllib.request
while True:
    body = {"userName": os.environ["DREMIO_USERNAME"], "password": open(os.environ["DREMIO_PASSWORD_FILE"]).read().strip()}
    request = urllib.request.Request(os.environ["DREMIO_URL"] + "/apiv2/login", json.dumps(body).encode(), {"content-type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    open(os.environ["TOKEN_FILE"], "w").write(answer["token"])
    time.sleep(72000)`;

/** Resident memory of a process and those it started, in bytes. */
function residentOfAll(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return children
    .filter((child) => child.trim() !== '')
    .reduce((sum, child) => sum + residentOfAll(Number(child)), residentBytes(pid));
}

type Settings = Record<string, string>;
const script = (command: string, ...args: string[]) => {
  const path = ['/usr/bin', '/bin'].map((folder) => `${folder}/${command}`).find(existsSync);
  return path === undefined
    ? undefined
    : (settings: Settings) =>
        spawn(path, args, {
          env: { PATH: process.env.PATH, ...settings },
          stdio: 'ignore',
          detached: true,
        });
};
const contenders = {
  refresher: (settings: Settings) => startService(settings),
  'curl and sleep in a shell': script('sh', '-c', SHELL),
  'urllib and sleep in Python': script('python3', '-c', PYTHON),
};

export async function peers(): Promise<void> {
  const demo = await start({ data: false });
  const place = await makeWorkplace(DEMO_USER.password);
  const rows = [];
  for (const [name, begin] of Object.entries(contenders)) {
    if (!begin) {
      console.log(`${name}: not measured, no such program on this machine`);
      continue;
    }
    const times: number[] = [];
    let resident = 0;
    for (let run = 0; run < STARTS; run++) {
      const started = performance.now();
      const child = begin(settingsFor(demo.url, place));
      times.push((await fileAppears(place.tokenFile)) - started);
      if (run === STARTS - 1) {
        await delay(REST_MS);
        resident = residentOfAll(child.pid ?? 0);
      }
      if (begin !== contenders.refresher) process.kill(-(child.pid ?? 0), 'SIGKILL');
      await end(child);
      rmSync(place.tokenFile);
    }
    rows.push({ name, startMs: quantile(times, 0.5), resident });
  }
  await demo.close();
  await place.remove();
  const [own] = rows;
  console.table(
    rows.map(({ name, startMs, resident }) => ({
      program: name,
      'start to token': `${startMs.toFixed(0)} ms`,
      'memory at rest': `${(resident / MIB).toFixed(1)} MiB`,
      'refresher / it, start': own ? (own.startMs / startMs).toFixed(1) : '',
      'refresher / it, memory': own ? (own.resident / resident).toFixed(1) : '',
    })),
  );
}
