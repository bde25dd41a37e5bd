import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import { formatTokenFile } from '../../images/kit/src/token-file.ts';
import { corruptWhileHeld, corruptWithoutToken } from '../fixtures/refresher/corruption.ts';
import { checkKilled, MOMENTS, startLives } from '../fixtures/refresher/lives.ts';
import { auditTrail } from '../fixtures/refresher/log-schema.ts';
import { killWriters, raceReaders } from '../fixtures/refresher/token-file-races.ts';
import { makeWorkplace, refresherCommand } from '../helpers/refresher-process.ts';

const WRITES = Number(process.env.WRITES ?? '100000');
const KILLS = Number(process.env.KILLS ?? '500');
const FILES = Number(process.env.FILES ?? '10000');
const READERS = 4;

const seconds = (sinceMs: number) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

/** A folder in memory and one on a disk; rename and sync take quite different ways there. */
const BASES = { 'in memory': '/dev/shm', 'on disk': tmpdir() };

for (const [where, base] of Object.entries(BASES))
  describe(`the token file ${where}`, { skip: existsSync(base) ? false : `no ${base}` }, () => {
    const inFolder = async (work: (path: string) => Promise<void>) => {
      const folder = await mkdtemp(join(base, 'token-file-'));
      try {
        await work(join(folder, 'token.json'));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    };

    it(`R7: is whole for ${READERS} readers in ${WRITES} writes`, (context) =>
      inFolder(async (path) => {
        const begin = performance.now();
        const { reads, tokens, invalid } = await raceReaders(path, WRITES, READERS);
        context.diagnostic(
          `${reads} reads, ${invalid.length} invalid; each reader met ${tokens} of ${WRITES} tokens or more; ${seconds(begin)}`,
        );
        assert.deepEqual(invalid.slice(0, 5), []);
      }));

    it(`R7: is the old one or the new one after each of ${KILLS} SIGKILLs of a writer`, (context) =>
      inFolder(async (path) => {
        const begin = performance.now();
        const { duringWrite, newInPlace, leftovers } = await killWriters(path, KILLS);
        context.diagnostic(
          `${duringWrite} of ${KILLS} in the middle of a write: ${newInPlace} with the new file in place, ${leftovers} with a temporary file left; ${seconds(begin)}`,
        );
        assert.ok(duringWrite > KILLS / 4);
      }));
  });

describe('the refresher', () => {
  it(`R7: leaves a whole file after each of ${KILLS} SIGKILLs`, async (context) => {
    const begin = performance.now();
    const lives = await startLives();
    const found = new Map<string, number>();
    const count = (what: string) => found.set(what, (found.get(what) ?? 0) + 1);
    try {
      const moments = Object.keys(MOMENTS);
      for (let n = 0; n < KILLS; n++) {
        const life = await lives.live(moments[n % moments.length] ?? '', 'SIGKILL');
        await checkKilled(lives, life);
        const events = auditTrail(life.lines).map(({ event }) => event);
        if (events.includes('login_succeeded') && !events.includes('token_written'))
          count('in the middle of a write');
        if ((await lives.leftovers()).length > 0) count('with a temporary file left');
      }
    } finally {
      await lives.end();
    }
    const text = [...found].map(([what, times]) => `${times} ${what}`).join(', ');
    context.diagnostic(`${KILLS} kills: ${text}; ${seconds(begin)}`);
  });

  const corruptions = { 'without a token': corruptWithoutToken, 'with a token': corruptWhileHeld };
  for (const [state, corrupt] of Object.entries(corruptions))
    it(`R9: ${state} adopts none of ${FILES / 2} corrupt files and tells nothing of them`, async (context) => {
      const begin = performance.now();
      const { seen, auditEvents } = await corrupt(FILES / 2);
      context.diagnostic(
        `${auditEvents} audit events; ${seconds(begin)}; ${JSON.stringify(Object.fromEntries(seen))}`,
      );
      assert.ok([...seen.values()].every((files) => files > FILES / 200));
    });

  const strace = spawnSync('strace', ['--version']).error === undefined;
  /**
   * Which call of the whole process fails and on which turns; the first sync and chmod of a start are those of the
   * trial of its folder.
   */
  const calls = [
    { name: 'fchmod', call: 'fchmod:error=EIO:when=2..3' },
    { name: 'fsync', call: 'fsync:error=EIO:when=2..3' },
    { name: 'rename', call: '?rename,?renameat,?renameat2:error=EIO:when=1..2' },
  ];
  for (const { name, call } of calls)
    it(
      `R8: lives when the kernel answers ${name} with EIO, keeps the old file, and writes it later`,
      {
        skip: strace ? false : 'strace is not on PATH: apt-get install strace',
      },
      (context) => withFailingCall(context, call),
    );
});

/** Runs the refresher on a token that Dremio refuses, so that it writes another, with a system call that fails. */
async function withFailingCall(context: TestContext, call: string): Promise<void> {
  const demo = await start({ onError: () => {} });
  const place = await makeWorkplace(DEMO_USER.password);
  const old = formatTokenFile({ token: 'refused-token', expiresAt: Date.now() + 36_000_000 });
  await writeFile(place.tokenFile, old);
  const { file, args, env } = refresherCommand({
    DREMIO_URL: demo.url,
    DREMIO_USERNAME: DEMO_USER.userName,
    DREMIO_PASSWORD_FILE: place.passwordFile,
    TOKEN_FILE: place.tokenFile,
  });
  // With -D the child is the refresher itself. strace counts the calls of each thread; with one thread for files it counts those of the program.
  const oneThread = { ...env, UV_THREADPOOL_SIZE: '1' };
  const traced = ['-D', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${call}`, file, ...args];
  const child = spawn('strace', traced, { env: oneThread, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    child.emit('text');
  });
  const logged = async (event: string) => {
    const signal = AbortSignal.timeout(30_000);
    while (!output.includes(`"event":"${event}"`)) await once(child, 'text', { signal });
  };
  try {
    await logged('token_write_failed');
    assert.equal(await readFile(place.tokenFile, 'utf8'), old);
    await logged('token_written');
    assert.notEqual(await readFile(place.tokenFile, 'utf8'), old);
    assert.equal(demo.requests.entries('POST /apiv2/login').length, 1);
    assert.deepEqual(
      (await readdir(place.tokenFolder)).filter((name) => name.endsWith('.tmp')),
      [],
    );
    const lines = output.split('\n').slice(0, -1);
    const failures = lines.filter((line) => line.includes('token_write_failed'));
    context.diagnostic(`${failures.length} writes failed, then one did not`);
    assert.equal(failures.length, 2);
    assert.ok(failures.every((line) => line.includes('EIO')));
    auditTrail(lines);
  } finally {
    child.kill('SIGTERM');
    await closed;
    await demo.close();
    await place.remove();
  }
}
