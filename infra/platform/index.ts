import type { Config } from '../config.ts';
import { registryHost } from '../images.ts';
import { PlainContainers } from './containers.ts';
import type { Platform } from './platform.ts';
import { Swarm } from './swarm.ts';

/** The platform that a stack's config names. */
export function platformOf({ stack, production, registry }: Config): Platform {
  if (production === undefined) return new PlainContainers(stack);
  const auth = registry?.login && {
    serverAddress: registryHost(registry.path),
    username: registry.login.username,
    password: registry.login.password,
  };
  return new Swarm(stack, production.nodeLabel, auth);
}
