import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { readTokenFile } from '../../images/kit/src/token-file.ts';
import { isTokenFile, leakIn } from '../fixtures/refresher/corrupt-files.ts';
import { corruptWhileHeld, corruptWithoutToken } from '../fixtures/refresher/corruption.ts';
import { faultyDisk, STEPS_AFTER, STEPS_BEFORE } from '../fixtures/refresher/faulty-disk.ts';
import { auditTrail } from '../fixtures/refresher/log-schema.ts';
import { type Loop, startLoop } from '../fixtures/refresher/loop.ts';
import { mountSmallDisk } from '../fixtures/refresher/small-disk.ts';

const MINUTE = 60_000;
const CODES = ['ENOSPC', 'EROFS', 'EACCES', 'EIO'];

describe('what lies in the place of the token file', () => {
  let loop: Loop | undefined;
  afterEach(async () => {
    await loop?.stop();
    loop = undefined;
  });

  it('R9: is never taken for a token in 400 corrupt forms while there is none, nor told in the log', async () => {
    const { seen } = await corruptWithoutToken(400);
    assert.ok(seen.size > 10);
  });

  it('R9: is replaced by the token held in 100 corrupt forms, without a login', async () => {
    const { auditEvents } = await corruptWhileHeld(100);
    assert.ok(auditEvents >= 200);
  });

  const secret = 'canaryCanaryCanary0123456789';
  const content = `{"token":"${secret}","expires_at":"2999-01-01T00:00:00.000Z"}\n`;
  const objects: Record<string, (path: string) => Promise<unknown>> = {
    'a link to a token file': async (path) => {
      await writeFile(`${path}.elsewhere`, content);
      await symlink(`${path}.elsewhere`, path);
    },
    'a link to itself': (path) => symlink(path, path),
    'a FIFO that nobody writes to': async (path) => execFileSync('mkfifo', [path]),
    'a socket': async (path) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(`${path}.s`, resolve));
      // Closing removes the name that was listened on.
      await rename(`${path}.s`, path);
      await new Promise((resolve) => server.close(resolve));
    },
    '10 MB': (path) => writeFile(path, content + secret.repeat(10_000_000 / secret.length)),
    'an expired token': (path) => writeFile(path, content.replace('2999', '2020')),
    'JSON of another shape': (path) => writeFile(path, JSON.stringify([content])),
    'a file that nobody may read': (path) => writeFile(path, 'x', { mode: 0 }),
  };
  for (const [name, make] of Object.entries(objects))
    it(`R9: when it is ${name}, gives way to a token, at the start and later`, async () => {
      loop = await startLoop({ before: make });
      const { demo, clock, tokenFile, service, lines } = loop;
      const written = () => loop?.logged('token_written').length;
      assert.deepEqual([demo.tokens.issued, written()], [1, 1]);
      const own = await readFile(tokenFile);
      assert.ok(isTokenFile(own) && !own.includes(secret));
      await rm(tokenFile);
      await rm(`${tokenFile}.elsewhere`, { force: true });
      await make(tokenFile);
      await clock.advance(5 * MINUTE);
      assert.deepEqual(await readFile(tokenFile), own);
      assert.ok((await lstat(tokenFile)).isFile());
      assert.deepEqual([demo.tokens.issued, written()], [1, 2]);
      assert.deepEqual(service.refresher.live(), []);
      const told = [...lines, (await loop.get('/status')).text, (await loop.get('/metrics')).text];
      assert.equal(leakIn(told.join('\n'), secret), undefined);
      auditTrail(lines);
    });

  it('R9: when it is a folder, is told, and gives way to a token once the folder is gone', async () => {
    loop = await startLoop();
    const { demo, clock, tokenFile, service } = loop;
    const own = await readFile(tokenFile);
    await rm(tokenFile);
    await mkdir(tokenFile);
    await clock.advance(60 * MINUTE);
    assert.match(String(loop.logged('token_write_failed')[0]?.message), /EISDIR/);
    const ready = await loop.get('/readyz');
    assert.equal(ready.status, 503);
    assert.match(ready.text, /token_file_not_writable/);
    assert.deepEqual(await loop.leftovers(), []);
    await rm(tokenFile, { recursive: true });
    await clock.advance(5 * MINUTE);
    assert.deepEqual(await readFile(tokenFile), own);
    assert.equal(demo.tokens.issued, 1);
    assert.equal((await loop.get('/readyz')).status, 200);
    assert.deepEqual(service.refresher.live(), []);
    auditTrail(loop.lines);
  });
});

describe('the refresher on a disk that fails', () => {
  /** Renewed after 8 minutes, ready until 30 s before its end, looked at every 30 s. */
  const tokenLifeMs = 10 * MINUTE;
  const TICK = MINUTE / 2;
  let loop: Loop;
  const ready = async () => (await loop.get('/readyz')).status;
  /** Lets time pass until this long after the latest moment at which the token in the file is renewed. */
  const renewal = async (after: number) => {
    const file = await readTokenFile(loop.tokenFile);
    assert.ok(file.state === 'valid');
    await loop.clock.advance(file.expiresAt - 2 * MINUTE + after - loop.clock.now());
  };
  /** A renewal with a disk that fails with `code` up to one minute after it, and then works again. */
  const survives = async (code: string, fail: () => unknown, mend: () => unknown) => {
    const before = await readFile(loop.tokenFile);
    const { issued } = loop.demo.tokens;
    const told = loop.logged('token_write_failed').length;
    await fail();
    await renewal(MINUTE);
    assert.deepEqual(await readFile(loop.tokenFile), before);
    assert.deepEqual(await loop.leftovers(), []);
    assert.equal(await ready(), 200);
    const failures = loop.logged('token_write_failed').slice(told);
    assert.ok(failures.length > 1, 'tries again');
    for (const { message } of failures) assert.match(String(message), new RegExp(code));
    await mend();
    await loop.clock.advance(TICK);
    assert.notDeepEqual(await readFile(loop.tokenFile), before);
    assert.equal(await ready(), 200);
    assert.deepEqual(loop.service.refresher.live(), []);
    assert.equal(loop.demo.tokens.issued, issued + 1, 'logins');
  };

  it('R8: lives at every step, keeps old file and new token, and writes within a tick of the repair', async () => {
    loop = await startLoop({ demo: { tokenLifeMs } });
    const disk = faultyDisk(loop.tokenFile);
    try {
      for (const [index, step] of STEPS_BEFORE.entries()) {
        const code = CODES[index % CODES.length] ?? '';
        await survives(code, () => disk.fail(step, code), disk.mend);
      }
      auditTrail(loop.lines);
    } finally {
      disk.remove();
      await loop.stop();
    }
  });

  it('R8: goes by the new file when only its folder cannot be synced', async () => {
    loop = await startLoop({ demo: { tokenLifeMs } });
    const disk = faultyDisk(loop.tokenFile);
    try {
      for (const [round, step] of STEPS_AFTER.entries()) {
        const before = await readFile(loop.tokenFile);
        disk.fail(step, 'EIO');
        await renewal(0);
        const after = await readFile(loop.tokenFile);
        assert.notDeepEqual(after, before);
        for (let tick = 0; tick < 5; tick++) {
          await loop.clock.advance(TICK);
          assert.equal(await ready(), 200, `tick ${tick}`);
        }
        assert.deepEqual(await readFile(loop.tokenFile), after);
        assert.deepEqual(await loop.leftovers(), []);
        assert.deepEqual(loop.logged('token_file_lost'), []);
        assert.equal(loop.demo.tokens.issued, round + 2, 'logins');
        disk.mend();
      }
      auditTrail(loop.lines);
    } finally {
      disk.remove();
      await loop.stop();
    }
  });

  it('R8: does so on a real one that is full of bytes, full of files, or read-only', async (context) => {
    const disk = await mountSmallDisk();
    if (typeof disk === 'string') {
      context.skip(disk);
      return;
    }
    loop = await startLoop({
      demo: { tokenLifeMs },
      environment: { TOKEN_FILE: join(disk.folder, 'token.json') },
    });
    try {
      await survives('ENOSPC', disk.fillUp, disk.mend);
      await survives('ENOSPC', disk.useUpFiles, disk.mend);
      await survives('EROFS', disk.readOnly, disk.mend);
      auditTrail(loop.lines);
    } finally {
      await loop.stop();
      await disk.remove();
    }
  });
});
