import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { makeWorkplace, refresherCommand, type Workplace } from '../helpers/refresher-process.ts';

describe('refresher check', () => {
  let demo: DemoDremio;
  let place: Workplace;
  beforeEach(async () => {
    demo = await start();
    place = await makeWorkplace(DEMO_USER.password);
  });
  afterEach(async () => {
    await demo.close();
    await place.remove();
  });

  const check = async (options: string[] = [], changes: Record<string, string> = {}) => {
    const { file, args, env } = refresherCommand(
      {
        DREMIO_URL: demo.url,
        DREMIO_USERNAME: DEMO_USER.userName,
        DREMIO_PASSWORD_FILE: place.passwordFile,
        TOKEN_FILE: place.tokenFile,
        ...changes,
      },
      ['check', ...options],
    );
    return new Promise<{ code: number; lines: string[]; errors: string }>((resolve) => {
      const child = execFile(file, args, { env }, (_, stdout, stderr) =>
        resolve({
          code: child.exitCode ?? -1,
          lines: stdout.trimEnd().split('\n'),
          errors: stderr,
        }),
      );
    });
  };
  const logins = () => demo.requests.entries('POST /apiv2/login').length;

  it('finds nothing wrong, logs nobody in and leaves the folder as it is', async () => {
    const { code, lines } = await check();
    assert.equal(code, 0);
    assert.deepEqual(lines, [
      'ok      settings  all are as they should be',
      'ok      files     password file, CA file and token folder can be used',
      `ok      Dremio    serves at ${demo.url}`,
      'skipped token     none in the file yet',
      'skipped login     not tried; --login logs in once, and out again',
    ]);
    assert.equal(logins(), 0);
    assert.deepEqual(await readdir(place.tokenFolder), []);
  });

  it('logs in once with --login, and out again', async () => {
    const { code, lines } = await check(['--login']);
    assert.equal(code, 0);
    assert.equal(
      lines.at(-1),
      'ok      login     "demo" got a token for 1 d 6 h, to be replaced 6 h before its end',
    );
    assert.equal(logins(), 1);
    assert.equal(demo.tokens.valid, 0);
  });

  it('leaves the files of a refresher at work alone', async () => {
    await writeFile(`${place.tokenFolder}/.token.json.0123456789abcdef.tmp`, '');
    await check(['--login']);
    assert.deepEqual(await readdir(place.tokenFolder), ['.token.json.0123456789abcdef.tmp']);
  });

  it('says whether the token in the file still works', async () => {
    const write = (token: string, expires: number) =>
      writeFile(
        place.tokenFile,
        JSON.stringify({ token, expires_at: new Date(expires).toISOString() }),
      );
    await write('unknown', Date.now() + 90 * 60_000 + 20_000);
    const refused = await check();
    assert.equal(refused.code, 1);
    assert.equal(refused.lines[3], 'wrong   token     1 h 30 min left, but Dremio refuses it');
    await write('unknown', Date.parse('2020-01-01T00:00:00Z'));
    assert.match((await check()).lines[3] ?? '', /ended at 2020-01-01T00:00:00\.000Z/);
  });

  it('says what is wrong, by class, and shows no secret', async () => {
    await writeFile(`${place.passwordFile}.wrong`, 'wrong-password-1\n');
    const refused = await check(['--login'], {
      DREMIO_PASSWORD_FILE: `${place.passwordFile}.wrong`,
    });
    assert.equal(refused.code, 1);
    assert.match(refused.lines.at(-1) ?? '', /^wrong {3}login .*401.*\[credentials_refused\]$/);
    assert.ok(!JSON.stringify(refused).includes('wrong-password-1'));
    await demo.goOffline();
    const offline = await check();
    assert.equal(offline.code, 1);
    assert.match(
      offline.lines.at(-1) ?? '',
      /^wrong {3}Dremio .*ECONNREFUSED.*\[dremio_unreachable\]$/,
    );
  });

  it('names every wrong setting and file, and then asks Dremio nothing', async () => {
    const { code, lines } = await check([], {
      DREMIO_USERNAME: '',
      CHECK_INTERVAL: '1',
      LOGOUT_REPLACED_AFTER: '10',
      TOKEN_FILE: '/nowhere/token.json',
    });
    assert.equal(code, 1);
    const text = lines.join('\n');
    for (const name of ['DREMIO_USERNAME', 'CHECK_INTERVAL', 'LOGOUT_REPLACED_AFTER', 'TOKEN_FILE'])
      assert.match(text, new RegExp(`^wrong .*${name}`, 'm'));
    assert.match(text, /^skipped Dremio/m);
    assert.deepEqual(demo.requests.entries(), []);
  });

  it('is explained to whoever types something else', async () => {
    const { file, args, env } = refresherCommand({}, ['chekc']);
    const { code, errors } = await new Promise<{ code: number | null; errors: string }>(
      (resolve) => {
        const child = execFile(file, args, { env }, (_, __, stderr) =>
          resolve({ code: child.exitCode, errors: stderr }),
        );
      },
    );
    assert.equal(code, 64);
    assert.match(errors, /refresher check \[--login\]/);
  });
});
