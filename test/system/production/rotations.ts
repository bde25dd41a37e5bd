import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import { askOperations } from '../../../scripts/stack/operations.ts';
import { type Callers, inWords } from '../../helpers/callers.ts';
import { docker } from '../../helpers/stack.ts';
import { type Component, call, type Scene, taskIds, tasks } from './scene.ts';

/** Until each of 16 clients that pause between their calls has got an answer. */
const SERVED_MS = 30_000;

interface Report {
  readonly key: string;
  readonly noticed: { readonly failed: number; readonly lastFailure: string | null };
}

/** @param sessionSecret whether it is rotated, too: two updates more */
export const rotations = (scene: Scene, { sessionSecret }: { readonly sessionSecret: boolean }) =>
  describe('rotations and updates while 16 clients call', () => {
    let callers: Callers;
    let oldKey: string;
    before(async () => {
      callers = await call(scene());
    });
    after(() => callers?.stop());

    /** Changes something of a component, whose tasks are all replaced by it, and holds what clients noticed against 0. */
    const unnoticed = async (t: TestContext, component: Component, change: () => Promise<void>) => {
      const old = await taskIds(scene(), [component]);
      const since = Date.now();
      await callers.served(since, SERVED_MS);
      const begun = Date.now();
      await change();
      const ended = Date.now();
      await callers.served(ended, SERVED_MS);
      const { calls, failed } = callers.noticed(since);
      t.diagnostic(
        `${((ended - begun) / 1000).toFixed(1)} s; ${calls} calls, ${failed.length} failed`,
      );
      assert.deepEqual(inWords(failed, since), []);
      const present = await taskIds(scene(), [component]);
      assert.equal(present.length, old.length);
      assert.deepEqual(
        present.filter((id) => old.includes(id)),
        [],
        'all were replaced',
      );
    };

    /** The command, which measures by itself, too. */
    const rotate = async (args: readonly string[], input = '') => {
      const { code, stdout, stderr } = await scene().stack.run(
        ['rotate', ...args, '--json'],
        input,
      );
      assert.equal(code, 0, `${stdout}\n${stderr}`);
      const lines = stdout.split('\n').filter((line) => line.includes('"kind":"result"'));
      const { reports } = JSON.parse(lines.at(-1) ?? '{}') as { reports: Report[] };
      assert.ok(reports.length > 0);
      for (const { key, noticed } of reports)
        assert.equal(noticed.failed, 0, `${key} key: ${noticed.lastFailure}`);
    };

    it('S7: a new key: no call fails, with the old one before and the new one after', async (t) => {
      const { stack } = scene();
      oldKey = await stack.key();
      await unnoticed(t, 'proxy', () => rotate(['mcp-key']));
      const fresh = await stack.key();
      assert.notEqual(fresh, oldKey);
      callers.useKey(fresh);
    });

    it('S7: the end of the old key: no call with the new one fails, and the old one is refused', async (t) => {
      const { stack, here } = scene();
      await unnoticed(t, 'proxy', () => rotate(['mcp-key', '--finish']));
      const status = async (key: string) => {
        const headers = { authorization: `Bearer ${key}` };
        return (await here(stack.url, { method: 'POST', body: '{}', headers })).status;
      };
      assert.notEqual(await status(await stack.key()), 401);
      assert.equal(await status(oldKey), 401);
    });

    it('S7: a new password of Dremio: no call fails, and the refresher has logged in with it', async (t) => {
      const { stack } = scene();
      const password = `${randomBytes(12).toString('hex')}-a1`;
      const since = Date.now();
      stack.dremio.changePassword(password);
      await unnoticed(t, 'refresher', () => rotate(['dremio-password'], `${password}\n`));
      const [refresher] = await tasks(scene(), 'refresher');
      const container = refresher?.Status.ContainerStatus.ContainerID ?? '';
      const answer = await askOperations(docker, container, 'status');
      const status = JSON.parse(answer?.body ?? '{}') as Record<string, string | null>;
      assert.equal(status.login_failure, null);
      assert.ok(Date.parse(status.last_login_at ?? '') > since, `${status.last_login_at}`);
    });

    if (sessionSecret)
      it('a new secret of sessions: they go on, and no call fails', async (t) => {
        await unnoticed(t, 'proxy', () => rotate(['session-secret']));
      });

    it('an update of the proxies: no call fails', async (t) => {
      await unnoticed(t, 'proxy', async () => {
        const { code, stdout, stderr } = await scene().stack.up(['--set', 'queueWait=6']);
        assert.equal(code, 0, `${stdout}\n${stderr}`);
      });
    });
  });
