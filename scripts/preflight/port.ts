import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import {
  containerOnPort,
  isPortFree,
  nextFreePort,
  type PortOwner,
  processOnPort,
  serviceOnPort,
} from './port-owner.ts';

export interface PortWish {
  readonly port: number;
  readonly stack: string;
  /** Whether the engine is on another machine, of which only its containers are known. */
  readonly remote: boolean;
  /** Address that it is to be published on. */
  readonly address: '127.0.0.1' | '0.0.0.0';
  /** Setting that names it. */
  readonly setting: string;
}

/**
 * Makes sure that a port can be published: free, or the stack's own already.
 * @throws CommandError naming who has it and the command that picks another.
 */
export async function checkPort(docker: Docker, wish: PortWish): Promise<void> {
  const { port, stack, remote, address, setting } = wish;
  const known = (await containerOnPort(docker, port)) ?? (await serviceOnPort(docker, port));
  if (known !== undefined && 'stack' in known && known.stack === stack) return;
  if (known === undefined && (remote || (await isPortFree(port, address)))) return;
  const owner = known ?? processOnPort(port) ?? { kind: 'unknown' };
  const other = remote ? port + 1 : ((await nextFreePort(port)) ?? port + 1);
  const where = address === '127.0.0.1' ? ' on 127.0.0.1' : '';
  throw new CommandError(`Port ${port}${where} is taken by ${describeOwner(owner)}.`, {
    advice: [...release(owner), `Or use another port: npm run up -- --set ${setting}=${other}`],
  });
}

export function describeOwner(owner: PortOwner): string {
  switch (owner.kind) {
    case 'container':
      return `the container ${owner.name}${owner.stack === undefined ? '' : ` of the stack "${owner.stack}"`}`;
    case 'service':
      return `the Swarm service ${owner.name}`;
    case 'process':
      return `${owner.command} (process ${owner.pid})`;
    case 'unknown':
      return 'a process of another user';
  }
}

function release(owner: PortOwner): string[] {
  switch (owner.kind) {
    case 'container':
      return [
        owner.stack === undefined
          ? `Stop it: docker stop ${owner.name}`
          : `Take that stack down: npm run down -- --stack ${owner.stack}`,
      ];
    case 'service':
      return [`Remove it: docker service rm ${owner.name}`];
    case 'process':
      return [`Stop it: kill ${owner.pid}`];
    case 'unknown':
      return ['See who: sudo ss -ltnp'];
  }
}
