/** Promise S3 for plain containers. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { attempt, here } from '../../helpers/reach-probe.ts';
import type { Table } from '../../helpers/reach-table.ts';
import { reachIsAsDeclared } from '../../helpers/reach-tests.ts';
import { docker, type TestStack } from '../../helpers/stack.ts';

const DECLARED: Table = {
  demo: { networks: ['internal'], ports: [8080, 9090] },
  refresher: { networks: ['internal'], ports: [9090] },
  proxy: { networks: ['internal', 'edge'], ports: [8080, 9090] },
  // The engine gives the machine an address on every bridge, also where it lets nothing further out.
  machine: { networks: ['internal', 'edge', 'another'] },
  outside: { networks: ['edge', 'another'] },
  stranger: { networks: ['another'] },
};

export const network = (stack: () => TestStack) =>
  describe('who reaches whom', () => {
    reachIsAsDeclared(DECLARED, () => stack().name);

    it('S3 publishes the MCP port alone, on 127.0.0.1', async () => {
      const { name, port } = stack();
      const filters = { label: [`lakehouse.stack=${name}`] };
      const bindings: string[] = [];
      for (const { Id, Labels } of await docker.listContainers({ filters })) {
        const { NetworkSettings } = await docker.getContainer(Id).inspect();
        for (const [inside, hosts] of Object.entries(NetworkSettings.Ports))
          for (const { HostIp, HostPort } of hosts ?? [])
            bindings.push(`${Labels['lakehouse.component']} ${inside} ${HostIp}:${HostPort}`);
      }
      assert.deepEqual(bindings, [`proxy 8080/tcp 127.0.0.1:${port}`]);

      const addresses = Object.values(networkInterfaces())
        .flatMap((all) => all ?? [])
        .filter(({ family }) => family === 'IPv4')
        .map(({ address }) => address);
      const answers = await attempt(
        here,
        addresses.map((address) => ({ address, port, awaits: 'connection' as const })),
      );
      assert.deepEqual(
        addresses.filter((_, index) => answers[index] !== null),
        ['127.0.0.1'],
      );
    });
  });
