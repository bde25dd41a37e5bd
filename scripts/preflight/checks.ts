/** Which checks a stack has, by what it is deployed on. */
import { loosePins } from '../base-image/pinned.ts';
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import { recordedEngine } from '../engine/choose.ts';
import { isRemote } from '../engine/docker-address.ts';
import { findLeftovers } from '../stack/leftovers.ts';
import { platformOf } from '../stack/platform.ts';
import { diskProblem, engineDiskFree } from './disk.ts';
import { checkDremio } from './dremio-check.ts';
import { checkEdgeData } from './edge-data.ts';
import { type Check, checkThat, type Found, type Ground } from './ground.ts';
import { checkPort } from './port.ts';
import { checkRegistry } from './registry.ts';
import { settingsProblems } from './settings.ts';
import { checkEdgePorts, checkSwarm } from './swarm.ts';

/** @param purpose before a deployment a stack that runs already is not kept from an update by what may pass */
export function checksFor(
  config: StackConfig,
  purpose: 'deployment' | 'diagnosis',
): readonly Check[] {
  const dremio = checkThat('Dremio', (ground) => checkDremio(ground, purpose));
  return platformOf(config) === 'swarm'
    ? [
        ...(purpose === 'deployment' ? [settings] : []),
        images,
        swarm,
        disk,
        ownership,
        ports,
        edgeData,
        registry,
        dremio,
      ]
    : [disk, ownership, port, dremio];
}

const settings = checkThat('Settings', async ({ config }) => ({
  problems: await settingsProblems(config),
}));

const images = checkThat('Images', async ({ config }) => ({ problems: loosePins(config) }));

const disk = checkThat('Disk space', async ({ docker }): Promise<Found> => {
  const room = await engineDiskFree(docker);
  const warning = diskProblem(room);
  if (warning !== undefined) return { warnings: [{ text: warning, fix: ['docker system prune'] }] };
  return {
    ok:
      room === undefined
        ? 'disk not known'
        : `${(room.free / 1e9).toFixed(0)} GB free in ${room.path}`,
  };
});

/** A stack of this name that another folder deployed, or whose state was deleted, would be in the way at every name. */
const ownership = checkThat('Ownership', async ({ docker, config: { files } }): Promise<Found> => {
  if ((await recordedEngine(files)) !== undefined) return {};
  const left = await findLeftovers(docker, files.stack);
  const found =
    left.services[0] === undefined
      ? left.containers[0] && `container ${left.containers[0]}`
      : `service ${left.services[0]}`;
  if (found === undefined) return {};
  throw new CommandError(
    `The engine has a stack "${files.stack}" that this folder knows nothing about (${found}).`,
    {
      advice: [
        'It was deployed from another folder, or .lakehouse/ was deleted.',
        'Remove it: npm run down',
        'Or deploy beside it under another name, with a port of its own: npm run up -- --stack other --set mcpPort=…',
      ],
    },
  );
});

const port = checkThat('Port', async ({ config, docker, engine }: Ground): Promise<Found> => {
  const number = Number(config.get('mcpPort'));
  if (!Number.isInteger(number)) return {};
  const { stack } = config.files;
  const remote = isRemote(engine.address);
  await checkPort(docker, {
    port: number,
    stack,
    remote,
    address: '127.0.0.1',
    setting: 'mcpPort',
  });
  return { ok: `port ${number}` };
});

const swarm = checkThat('Swarm', checkSwarm);
const ports = checkThat('Ports', checkEdgePorts);
const edgeData = checkThat('Certificates', checkEdgeData);
const registry = checkThat('Registry', checkRegistry);
