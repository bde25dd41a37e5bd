import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { namesContent } from '../../../infra/image-lock.ts';
import { ownImages } from '../../../scripts/sbom/own-images.ts';
import { holdsFor } from '../../helpers/hardening-holds.ts';
import { containersOf, look, type Seen } from '../../helpers/hardening-look.ts';
import { docker, eventually } from '../../helpers/stack.ts';
import type { Scene } from './scene.ts';

/** What a service of ours reads from files alone, by component. */
const SECRETS = {
  edge: ['Caddyfile', 'tls.crt', 'tls.key'],
  proxy: ['mcp-keys.json', 'session-secret'],
  refresher: ['dremio-password'],
} as const;

/** Promises S1, S2 and S9 for every container of the stack; an exception is one only in infra/rules/exceptions.ts. */
export const hardening = (scene: Scene) =>
  describe('what its containers are', () => {
    let seen: Seen[] = [];
    before(async () => {
      seen = await eventually('four containers are healthy', async () => {
        const ids = await containersOf(scene().stack.name, 'swarm');
        const all = await Promise.all(ids.map((id) => look(id, 'swarm')));
        const healthy = all.every(({ container: { State } }) => State.Health?.Status === 'healthy');
        return all.length === 4 && healthy && all;
      });
    });

    it('S1 are an edge, two proxies and a refresher, each with its own secret files', () => {
      const components = seen.map(({ component }) => component).sort();
      assert.deepEqual(components, ['edge', 'proxy', 'proxy', 'refresher']);
      for (const { component, inside, service } of seen) {
        assert.ok((inside?.processes.length ?? 0) >= 2, `init and ${component} were seen`);
        assert.deepEqual(
          inside?.secrets.map(({ path }) => path).sort(),
          SECRETS[component as keyof typeof SECRETS].map((name) => `/run/secrets/${name}`),
        );
        assert.ok(service, `the service ${component} was seen`);
      }
    });

    holdsFor('swarm', () => seen);

    it('S9 are of images that npm run sbom lists, on bases that are named by content', async () => {
      const listed = await ownImages(docker, scene().stack.name);
      assert.deepEqual(
        listed.map(({ name }) => name),
        ['edge', 'proxy', 'refresher'],
      );
      for (const { component, image } of seen) {
        assert.equal(listed.find(({ name }) => name === component)?.id, image.Id);
        const base = image.Config.Labels?.['org.opencontainers.image.base.name'] ?? '';
        assert.ok(namesContent(base), `${component} was built on "${base}"`);
      }
    });
  });
