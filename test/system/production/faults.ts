import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { docker, eventually } from '../../helpers/stack.ts';
import { query, type Scene, tasks } from './scene.ts';

const RECOVERY_MS = 15_000;

export const faults = (scene: Scene) =>
  describe('what goes wrong and passes', () => {
    it('goes on when a proxy is killed', async () => {
      const [proxy] = await tasks(scene(), 'proxy');
      assert(proxy !== undefined);
      await docker.getContainer(proxy.Status.ContainerStatus.ContainerID).kill();
      const answered = async () => (await query(scene(), 'SELECT 1 AS n')).length === 1;
      await eventually('a call succeeds', answered, RECOVERY_MS);
    });
  });
