import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readTokenFile } from '../../images/kit/src/token-file.ts';
import { createTokenStore, TokenFolderError } from '../../images/refresher/src/token-store.ts';

const STORE = new URL('../../images/refresher/src/token-store.ts', import.meta.url).href;
const token = (name: string) => ({ token: name, expiresAt: Date.parse('2026-03-02T06:00:00Z') });

describe('the token file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-store-'));
    path = join(folder, 'token.json');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  for (const umask of [0o000, 0o077])
    it(`has exactly the two fields, mode 0640 and no companion under umask ${umask.toString(8)}`, async () => {
      const before = process.umask(umask);
      try {
        await createTokenStore(path).write(token('abc'));
      } finally {
        process.umask(before);
      }
      const text = await readFile(path, 'utf8');
      assert.equal(text, '{"token":"abc","expires_at":"2026-03-02T06:00:00.000Z"}\n');
      assert.equal((await stat(path)).mode & 0o7777, 0o640);
      assert.deepEqual(await readdir(folder), ['token.json']);
    });

  it('is read whole by readers that race with writes', async () => {
    const store = createTokenStore(path);
    await store.write(token('a'.repeat(26)));
    let writing = true;
    let reads = 0;
    const reader = async () => {
      while (writing) {
        const { state } = await readTokenFile(path);
        assert.equal(state, 'valid');
        reads++;
      }
    };
    const readers = Promise.all([reader(), reader()]);
    for (let i = 0; i < 200; i++) await store.write(token(String(i % 10).repeat(1000 + i)));
    writing = false;
    await readers;
    assert.ok(reads > 0);
  });

  it('R7: is the old one or the new one, whole, after each of a number of SIGKILLs', async () => {
    const store = createTokenStore(path);
    await store.write(token('first'));
    const program = `
      import { createTokenStore } from ${JSON.stringify(STORE)};
      const store = createTokenStore(process.argv[1]);
      await store.prepare();
      process.stdout.write('ready');
      for (let i = 0; ; i++) await store.write({ token: 'next-' + i, expiresAt: Date.now() });
    `;
    for (let round = 0; round < 12; round++) {
      const child = spawn(
        process.execPath,
        ['--input-type=module-typescript', '--eval', program, path],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      child.kill('SIGKILL');
      await once(child, 'close');
      const file = await readTokenFile(path);
      assert.equal(file.state, 'valid');
      const leftovers = (await readdir(folder)).filter((name) => name !== 'token.json');
      assert.ok(leftovers.length <= 1, leftovers.join());
    }
    await store.prepare();
    assert.deepEqual(await readdir(folder), ['token.json']);
  });

  it('stays as it is, without companions, when a write fails', async () => {
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

  it('asks at the start for a folder that takes a file, in words', async () => {
    const missing = createTokenStore(join(folder, 'no', 'token.json'));
    await assert.rejects(missing.prepare(), (error: unknown) => {
      assert.ok(error instanceof TokenFolderError);
      assert.match(error.message, /TOKEN_FILE/);
      return true;
    });
  });

  it('leaves files of others in its folder alone', async () => {
    await writeFile(join(folder, '.other.tmp'), '');
    await writeFile(join(folder, '.token.json.0011.tmp'), '');
    await createTokenStore(path).prepare();
    assert.deepEqual(await readdir(folder), ['.other.tmp']);
  });
});
