/** Which of the platforms a stack is on; chosen here once for all commands. */
import type Docker from 'dockerode';
import type { StackConfig } from '../config/stack-config.ts';
import { ContainerStack } from './containers.ts';
import type { PlatformName, RunningStack } from './running.ts';
import { SwarmStack } from './swarm.ts';

/** The platform that a stack's settings name. */
export const platformOf = (config: Pick<StackConfig, 'get'>): PlatformName =>
  config.get('platform') === 'swarm' ? 'swarm' : 'containers';

export function runningStack(docker: Docker, stack: string, platform: PlatformName): RunningStack {
  return platform === 'swarm' ? new SwarmStack(docker, stack) : new ContainerStack(docker, stack);
}
