import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { inspectFiles, troubleWithFolder } from '../../images/refresher/src/inspect.ts';
import { makeWorkplace, type Workplace } from '../helpers/refresher-process.ts';

describe('a look at the files that the refresher needs', () => {
  let place: Workplace;
  beforeEach(async () => {
    place = await makeWorkplace('a-password-1');
  });
  afterEach(() => place.remove());
  const look = (settings: Parameters<typeof inspectFiles>[0] = {}) =>
    inspectFiles({
      dremioPasswordFile: place.passwordFile,
      tokenFile: place.tokenFile,
      ...settings,
    });
  /** The one problem that there is, which begins with variable and path and ends with a remedy. */
  const theOnly = async (settings: Parameters<typeof inspectFiles>[0]) => {
    const problems = await look(settings);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', /^[A-Z_]+_FILE is \/.*, which .*; expected .*\. [A-Z]/);
    return problems[0] ?? '';
  };

  it('finds nothing wrong with files in order, and passes over settings that could not be read', async () => {
    assert.deepEqual(await look(), []);
    assert.deepEqual(await inspectFiles({}), []);
  });

  it('tells a password file that is missing, empty, a folder or of several lines', async () => {
    const file = async (content: string) => {
      const path = join(place.folder, 'other');
      await writeFile(path, content);
      return { dremioPasswordFile: path };
    };
    const missing = { dremioPasswordFile: join(place.folder, 'none') };
    assert.match(await theOnly(missing), /DREMIO_PASSWORD_FILE is .*none, which does not exist;/);
    assert.match(await theOnly(await file('')), /other, which is empty;/);
    const several = await theOnly(await file('one-line\nanother-line\n'));
    assert.match(several, /which has more than one line;/);
    assert.ok(!several.includes('one-line') && !several.includes('another-line'));
    assert.match(await theOnly({ dremioPasswordFile: place.folder }), /which is a folder;/);
  });

  it('tells a file of certificates that is missing, a folder or no PEM text', async () => {
    const missing = { dremioCaFile: join(place.folder, 'none') };
    assert.match(await theOnly(missing), /DREMIO_CA_FILE is .*none, which does not exist;/);
    assert.match(await theOnly({ dremioCaFile: place.folder }), /which is a folder;/);
    const other = await theOnly({ dremioCaFile: place.passwordFile });
    assert.match(other, /which holds no certificate as PEM text/);
    assert.ok(!other.includes('a-password-1'));
  });

  it('tells a token folder that is missing, and a folder in the place of the token file', async () => {
    const missing = join(place.folder, 'none');
    assert.ok(
      (await theOnly({ tokenFile: join(missing, 'token.json') })).startsWith(
        `TOKEN_FILE is ${missing}/token.json, which is in the folder ${missing}, which does not exist;`,
      ),
    );
    await mkdir(place.tokenFile);
    assert.match(await theOnly({}), /TOKEN_FILE is .*token\.json, which is a folder;/);
  });

  it('takes files behind links, as mounted secrets are', async () => {
    const link = join(place.folder, 'link');
    await symlink(place.passwordFile, link);
    assert.deepEqual(await look({ dremioPasswordFile: link }), []);
  });

  it('tells a token folder that is read-only, full, or of another user, and how to mend it', () => {
    const trouble = (code: string) => {
      const error = Object.assign(new Error(code), { code });
      const { reason, remedy } = troubleWithFolder('/var/token/token.json', error);
      return `${reason} ${remedy}`;
    };
    assert.match(trouble('EROFS'), /read-only \(EROFS\) Mount the token volume read-write/);
    assert.match(trouble('ENOSPC'), /is full \(ENOSPC\) Make room/);
    assert.match(trouble('EDQUOT'), /is full \(EDQUOT\) Make room/);
    assert.match(trouble('EACCES'), /may not write \(EACCES\) .* chown \d+:\d+ \/var\/token /);
    assert.match(trouble('EIO'), /does not take a file \(EIO\)/);
  });
});

describe('a start of the refresher on a real file system', () => {
  const MAIN = new URL('../../images/refresher/src/main.ts', import.meta.url).pathname;
  let place: Workplace;
  beforeEach(async () => {
    place = await makeWorkplace('a-password-1');
  });
  afterEach(() => place.remove());

  /** Starts the service behind `command`; it must refuse within 5 s. @returns the problems */
  const refusal = (command: readonly string[], user: { uid?: number; gid?: number } = {}) => {
    const [program = '', ...args] = [...command, process.execPath, MAIN];
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      ...user,
      env: {
        PATH: process.env.PATH ?? '',
        FOLDER: place.tokenFolder,
        DREMIO_URL: 'http://127.0.0.1:9',
        DREMIO_USERNAME: 'ann',
        DREMIO_PASSWORD_FILE: place.passwordFile,
        TOKEN_FILE: place.tokenFile,
        OPERATIONS_PORT: '0',
      },
      encoding: 'utf8',
      timeout: 5000,
    });
    assert.equal(error, undefined);
    assert.equal(status, 69, stdout + stderr);
    const lines = stdout.split('\n').filter(Boolean).slice(1);
    return lines.map((line) => String((JSON.parse(line) as { problem: unknown }).problem));
  };

  const unshared = ['unshare', '--map-root-user', '--mount', 'sh', '-euc'];
  const [unshare = '', ...options] = unshared;
  const mounts = spawnSync(unshare, [...options, 'mount -t tmpfs none /tmp']).status === 0;
  const noMounts = mounts
    ? false
    : 'SKIPPED: this system lets no process mount in a namespace of its own';

  for (const [what, script, words] of [
    ['read-only', 'mount -o remount,ro,bind "$FOLDER"', 'is read-only (EROFS)'],
    ['full', 'head -c 4096 /dev/zero > "$FOLDER/other"', 'is full (ENOSPC)'],
  ] as const)
    it(`R8: ends within 5 s and tells so when the token folder is ${what}`, {
      skip: noMounts,
    }, () => {
      const mount = `mount -t tmpfs -o size=4k none "$FOLDER"; ${script}; exec "$@"`;
      const problems = refusal([...unshared, mount, 'sh']);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.ok(
        problems[0]?.startsWith(
          `TOKEN_FILE is ${place.tokenFile}, which is in the folder ${place.tokenFolder}, which ${words}; expected`,
        ),
        problems[0],
      );
    });

  // Nobody but root needs to become somebody else to be refused.
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const reaches = spawnSync(process.execPath, ['--check', MAIN], nobody).status === 0;
  const noReach = reaches ? false : 'SKIPPED: another user cannot read the sources here';
  it('R8: ends within 5 s and tells so when folder and password are not those of its user', {
    skip: noReach,
  }, async () => {
    await chmod(place.folder, 0o755);
    await chmod(place.tokenFolder, 0o555);
    await chmod(place.passwordFile, 0o000);
    const [password = '', token = '', ...others] = refusal([], nobody);
    const id = nobody.uid === undefined ? '\\d+:\\d+' : '65534:65534';
    assert.match(
      password,
      new RegExp(`^DREMIO_PASSWORD_FILE is .*, which user ${id} may not read`),
    );
    assert.match(password, new RegExp(`chown ${id} ${place.passwordFile} && chmod 0400`));
    assert.match(token, new RegExp(`, to which user ${id} may not write \\(EACCES\\); expected`));
    assert.match(token, new RegExp(`chown ${id} ${place.tokenFolder} && chmod 2750`));
    assert.deepEqual(others, []);
    assert.deepEqual(await readdir(place.tokenFolder), []);
  });
});
