import type Docker from 'dockerode';
import { CommandError } from '../command-error.ts';
import {
  containerOnPort,
  isPortFree,
  nextFreePort,
  type PortOwner,
  processOnPort,
} from './port-owner.ts';

/**
 * Makes sure that the MCP port can be published: free, or the stack's own already.
 * @throws CommandError naming who has it and the command that picks another.
 */
export async function checkPort(
  docker: Docker,
  options: { port: number; stack: string; remote: boolean },
): Promise<void> {
  const { port, stack, remote } = options;
  const container = await containerOnPort(docker, port);
  if (container?.kind === 'container' && container.stack === stack) return;
  if (container === undefined && (remote || (await isPortFree(port)))) return;
  const owner = container ?? processOnPort(port) ?? { kind: 'unknown' };
  const other = remote ? port + 1 : ((await nextFreePort(port)) ?? port + 1);
  throw new CommandError(`Port ${port} on 127.0.0.1 is taken by ${describeOwner(owner)}.`, {
    advice: [...release(owner), `Or use another port: npm run up -- --set mcpPort=${other}`],
  });
}

export function describeOwner(owner: PortOwner): string {
  switch (owner.kind) {
    case 'container':
      return `the container ${owner.name}${owner.stack === undefined ? '' : ` of the stack "${owner.stack}"`}`;
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
    case 'process':
      return [`Stop it: kill ${owner.pid}`];
    case 'unknown':
      return ['See who: sudo ss -ltnp'];
  }
}
