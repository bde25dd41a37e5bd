/** Whether the certificates that an edge got by ACME are where it looks for them: in a volume of one node. */
import { type NodeAnswer, nodeName } from '../stack/swarm-facts.ts';
import type { Found, Ground } from './ground.ts';
import { labelled, labelsOf, type SwarmInfo } from './swarm.ts';

export async function checkEdgeData({ config, docker }: Ground): Promise<Found> {
  const { Swarm: info = {} } = (await docker.info()) as { Swarm?: SwarmInfo };
  if (config.get('tlsMode') !== 'acme' || !info.ControlAvailable) return {};
  const label = labelsOf(config).edge;
  const nodes: NodeAnswer[] = await docker.listNodes();
  return edgeDataFindings(labelled(nodes, label), label, info.NodeID);
}

/**
 * @param candidates nodes that may carry the edge
 * @param deploying id of the node whose engine is deployed to: the protected volume is there
 */
export function edgeDataFindings(
  candidates: readonly NodeAnswer[],
  label: string,
  deploying: string | undefined,
): Found {
  const names = candidates.map(nodeName);
  const [only] = candidates;
  if (only === undefined) return {};
  if (candidates.length > 1)
    return {
      warnings: [
        {
          text:
            `The edge may run on ${names.join(', ')} (label ${label}). Account and certificates of ACME are in a volume of the ` +
            'node it runs on: on another one it asks for them anew, and authorities give a limited number. Mean one node ' +
            'by edgeNodeLabel.',
          fix: [
            `docker node update --label-add lakehouse-edge=true ${names[0]}`,
            'npm run up -- --set edgeNodeLabel=lakehouse-edge=true',
          ],
        },
      ],
    };
  return only.ID === deploying
    ? {}
    : {
        notes: [
          `Account and certificates of ACME will be in a volume on ${names[0]}, which Swarm makes there: the protection of ` +
            '"down" and "pulumi destroy" is for the engine that is deployed to.',
        ],
      };
}
