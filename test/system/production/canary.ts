import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { stackFiles } from '../../../scripts/stack/stack-files.ts';
import { allowedInProduction } from '../../helpers/canary/allowed.ts';
import type { Answer } from '../../helpers/canary/answers.ts';
import { collect } from '../../helpers/canary/collect.ts';
import { Detector } from '../../helpers/canary/detector.ts';
import { commands, machine } from '../../helpers/canary/files.ts';
import { type Planted, plantedIn, plantLeaks } from '../../helpers/canary/planted.ts';
import { type Searched, SURFACES, search, surfaces } from '../../helpers/canary/search.ts';
import { repository } from '../../helpers/lakehouse-command.ts';
import { answersOf, ORDINARY, scopeOf } from './canary-scope.ts';
import type { Scene } from './scene.ts';

export const canary = (scene: Scene) =>
  describe('its secrets, after all that', () => {
    const answers: Answer[] = [];
    let searched: Searched;

    const files = () => stackFiles(repository, scene().stack.name);
    const scope = () => scopeOf(scene(), answers);

    before(async () => {
      const { stack } = scene();
      await Promise.all(ORDINARY.map((words) => stack.run(words)));
      // Before all secrets are known: the refresher logs in meanwhile.
      for await (const answer of answersOf(scene())) answers.push(answer);
      searched = await search(new Detector(stack.witness.secrets), collect(scope()));
    });

    it('S4 are all known', () => {
      const names = new Set(scene().stack.witness.secrets.map(({ name }) => name));
      assert.deepEqual([...names].sort(), [
        'Dremio password',
        'Dremio token',
        'MCP key',
        'key of the authority',
        'key of the certificate',
        'passphrase',
        'session secret',
      ]);
    });

    for (const surface of surfaces)
      it(`S4 are not in ${SURFACES[surface]}`, () => {
        assert.deepEqual(searched.leaks(surface, allowedInProduction(files())), []);
        // A crash should leave nothing at all, and a machine on which nobody works has no history.
        if (surface !== 'crashes' && surface !== 'machine')
          assert.ok((searched.bytes.get(surface) ?? 0) > 0, 'something was looked through');
      });

    it('S4 are found in every place where they belong', () => {
      assert.deepEqual(searched.unneeded(allowedInProduction(files())), []);
    });

    it('S4 were looked for in answers of every kind', () => {
      const kinds = [200, 308, 400, 401, 403, 404, 413, 421, 503];
      assert.deepEqual(
        kinds.filter((kind) => !answers.some(({ status }) => status === kind)),
        [],
      );
    });

    describe('and those of a stack that leaks', () => {
      let planted: Planted;
      let found: Searched;
      before(async () => {
        const { name, dremio, witness } = scene().stack;
        const url = `http://127.0.0.1:${dremio.port}`;
        planted = await plantLeaks(`lakehouse-mcp/edge:${name}`, url, witness);
        found = await search(new Detector(planted.secrets), collect(planted.scope));
      });
      after(() => planted?.[Symbol.asyncDispose]());

      for (const surface of surfaces)
        it(`S4 are found in ${SURFACES[surface]}`, () => {
          const leaks = found.leaks(surface, []);
          assert.ok(
            leaks.some((leak) => leak.startsWith(`${plantedIn(surface)} (`)),
            `found: ${leaks.join(', ') || 'nothing'}`,
          );
        });
    });

    it('S4 are not in what takes the stack down, nor in what it leaves', async () => {
      const { stack } = scene();
      const detector = new Detector(stack.witness.secrets);
      await stack[Symbol.asyncDispose]();
      assert.match(stack.witness.said.at(-1)?.command ?? '', /^down /);
      for (const collector of [commands, machine] as const) {
        const { findings } = await search(detector, collector(scope()));
        const shown = findings.filter(({ where }) => !where.includes('--show-secrets'));
        assert.deepEqual(shown, []);
      }
    });
  });
