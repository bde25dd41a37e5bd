import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readTokenFile } from '../../images/kit/src/token-file.ts';
import { createTokenStore } from '../../images/refresher/src/token-store.ts';
import { faultyDisk, STEPS_AFTER, STEPS_BEFORE } from '../fixtures/refresher/faulty-disk.ts';
import { killWriters, raceReaders, writeFrom } from '../fixtures/refresher/token-file-races.ts';

const token = (name: string) => ({ token: name, expiresAt: Date.parse('2026-03-02T06:00:00Z') });
const asRoot = process.getuid?.() === 0;
/** A disk in memory, where there is one: it writes hundreds of times a second. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

describe('the token file', () => {
  let folder: string;
  let path: string;
  const work = async (base = tmpdir()) => {
    folder = await mkdtemp(join(base, 'token-store-'));
    path = join(folder, 'token.json');
  };
  beforeEach(() => work());
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has exactly the two fields and no companion', async () => {
    await createTokenStore(path).write(token('abc'));
    const text = await readFile(path, 'utf8');
    assert.equal(text, '{"token":"abc","expires_at":"2026-03-02T06:00:00.000Z"}\n');
    assert.deepEqual(await readdir(folder), ['token.json']);
  });

  for (const umask of ['000', '077'])
    it(`R7: has mode 0640, the writer's user and its folder's group under umask ${umask}`, async () => {
      const shared = join(folder, 'shared');
      const [uid, gid] = asRoot ? [10001, 10000] : [process.getuid?.(), process.getgid?.()];
      await mkdir(shared);
      if (asRoot) {
        await chmod(folder, 0o755);
        await chown(shared, 10001, 10000);
      }
      // As in the image; the writer's own group is another one where the test may choose.
      await chmod(shared, 0o2750);
      const file = join(shared, 'token.json');
      await writeFrom(file, { umask, ...(asRoot ? { user: [10001, 10001] } : {}) });
      const info = await stat(file);
      assert.deepEqual([info.mode & 0o7777, info.uid, info.gid], [0o640, uid, gid]);
    });

  it('R7: is whole and never an older one for 4 readers that race with 120 writes', async () => {
    await rm(folder, { recursive: true });
    await work(MEMORY);
    const { invalid } = await raceReaders(path, 120, 4);
    assert.deepEqual(invalid.slice(0, 5), []);
  });

  it('R7: is the old one or the new one after each of 12 SIGKILLs in the middle of a write', async () => {
    const { duringWrite } = await killWriters(path, 12);
    assert.ok(duringWrite > 0);
  });

  it('is on the disk, with its mode, before it is in place, and in place for good before it is done', async () => {
    const disk = faultyDisk(path);
    try {
      await createTokenStore(path).write(token('abc'));
      assert.deepEqual(disk.taken, [...STEPS_BEFORE, ...STEPS_AFTER]);
    } finally {
      disk.remove();
    }
  });

  for (const code of ['ENOSPC', 'EROFS', 'EACCES', 'EIO']) {
    it(`R8: stays as it is, without companions, when any step of a write fails with ${code}`, async () => {
      const disk = faultyDisk(path);
      try {
        const store = createTokenStore(path);
        for (const step of STEPS_BEFORE) {
          await store.write(token('old'));
          const before = await readFile(path);
          disk.fail(step, code);
          await assert.rejects(store.write(token('new')), { code }, step);
          assert.deepEqual(await readFile(path), before, step);
          assert.deepEqual(await readdir(folder), ['token.json'], step);
          disk.mend();
          await store.write(token('new'));
          assert.match(await readFile(path, 'utf8'), /"new"/);
        }
      } finally {
        disk.remove();
      }
    });

    it(`R8: is the new one, whole, when only its folder cannot be synced with ${code}`, async () => {
      const disk = faultyDisk(path);
      try {
        const store = createTokenStore(path);
        for (const step of STEPS_AFTER) {
          await store.write(token('old'));
          disk.fail(step, code);
          await store.write(token('new')).catch(() => {});
          assert.ok(disk.taken.at(-1) === step);
          assert.match(await readFile(path, 'utf8'), /^{"token":"new",.*}\n$/);
          assert.deepEqual(await readdir(folder), ['token.json']);
          disk.mend();
        }
      } finally {
        disk.remove();
      }
    });
  }

  it('stays as it is when its folder is gone for a while', async () => {
    const store = createTokenStore(path);
    await store.write(token('old'));
    const before = await readFile(path);
    const elsewhere = `${folder}-away`;
    await rename(folder, elsewhere);
    await assert.rejects(store.write(token('new')), { code: 'ENOENT' });
    await rename(elsewhere, folder);
    assert.deepEqual(await readFile(path), before);
    assert.deepEqual(await readdir(folder), ['token.json']);
    await store.write(token('new'));
    assert.equal((await readTokenFile(path)).state, 'valid');
  });

  it('replaces a link in its place and leaves what the link led to', async () => {
    const victim = join(folder, 'victim');
    await writeFile(victim, 'keep me');
    await symlink(victim, path);
    const store = createTokenStore(path);
    assert.equal((await store.read()).file.state, 'unreadable');
    await store.write(token('abc'));
    assert.equal(await readFile(victim, 'utf8'), 'keep me');
    assert.equal((await store.read()).file.state, 'valid');
  });

  it('is told with the time of its last change', async () => {
    const store = createTokenStore(path);
    assert.deepEqual(await store.read(), {
      file: { state: 'missing', reason: 'there is no token file yet' },
      modifiedAt: undefined,
    });
    await store.write(token('abc'));
    const { modifiedAt } = await store.read();
    assert.ok(Math.abs((modifiedAt ?? 0) - Date.now()) < 5000);
  });

  it('has its folder tried without leaving anything, before a start', async () => {
    const store = createTokenStore(path);
    await store.tryFolder();
    assert.deepEqual(await readdir(folder), []);
    const missing = createTokenStore(join(folder, 'no', 'token.json'));
    await assert.rejects(missing.tryFolder(), { code: 'ENOENT' });
    await mkdir(path);
    await assert.rejects(store.tryFolder(), { code: 'EISDIR' });
  });

  it('has what a crash left beside it removed, and files of others left alone', async () => {
    await writeFile(join(folder, '.other.tmp'), '');
    await writeFile(join(folder, '.token.json.0011.tmp'), '');
    await createTokenStore(path).removeLeftovers();
    assert.deepEqual(await readdir(folder), ['.other.tmp']);
  });
});
