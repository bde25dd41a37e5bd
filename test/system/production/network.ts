/** Promise S3 for services of a Swarm. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Table } from '../../helpers/reach-table.ts';
import { reachIsAsDeclared } from '../../helpers/reach-tests.ts';
import { docker } from '../../helpers/stack.ts';
import type { Scene } from './scene.ts';

const DECLARED: Table = {
  edge: { networks: ['edge', 'public'], ports: [8080, 8443, 9090] },
  refresher: { networks: ['internal', 'egress'], ports: [9090] },
  proxy: { networks: ['internal', 'edge', 'egress'], ports: [8080, 9090], replicas: 2 },
  // A network with a way out leads to a bridge of the node, which keeps the tasks on it apart.
  machine: { networks: ['public', 'egress', 'another'] },
  outside: { networks: ['public', 'egress', 'another'] },
  stranger: { networks: ['another'] },
};

interface Service {
  readonly Spec: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly EndpointSpec?: {
      readonly Ports?: readonly {
        TargetPort: number;
        PublishedPort: number;
        PublishMode: string;
      }[];
    };
  };
}

export const network = (scene: Scene) =>
  describe('who reaches whom', () => {
    reachIsAsDeclared(DECLARED, () => scene().stack.name);

    it('S3 publishes the two ports of the edge alone', async () => {
      const { name, httpsPort, httpPort } = scene().stack;
      const filters = { label: [`lakehouse.stack=${name}`] };
      const services = (await docker.listServices({ filters })) as unknown as Service[];
      assert.equal(services.length, 3);
      const published = services.flatMap(({ Spec: { Labels, EndpointSpec } }) =>
        (EndpointSpec?.Ports ?? []).map(
          ({ TargetPort, PublishedPort, PublishMode }) =>
            `${Labels['lakehouse.component']} ${TargetPort} ${PublishMode} ${PublishedPort}`,
        ),
      );
      assert.deepEqual(published.sort(), [
        `edge 8080 host ${httpPort}`,
        `edge 8443 host ${httpsPort}`,
      ]);
      const bindings: string[] = [];
      for (const { Id, Labels } of await docker.listContainers({ filters })) {
        const { HostConfig } = await docker.getContainer(Id).inspect();
        const bound = (HostConfig.PortBindings ?? {}) as Record<string, { HostPort: string }[]>;
        for (const [inside, outside] of Object.entries(bound))
          for (const { HostPort } of outside)
            bindings.push(`${Labels['lakehouse.component']} ${inside} ${HostPort}`);
      }
      assert.deepEqual(bindings.sort(), [
        `edge 8080/tcp ${httpPort}`,
        `edge 8443/tcp ${httpsPort}`,
      ]);
    });
  });
