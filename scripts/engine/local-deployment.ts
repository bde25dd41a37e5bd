import type Docker from 'dockerode';
import * as runner from '../../local/index.ts';
import { messageOf } from '../command-error.ts';
import type { StackFiles } from '../stack/stack-files.ts';
import type { Deployment } from './deployment.ts';
import { failedDeployment } from './failed-deployment.ts';

/** The stack as the runner in local/ deploys it. */
export function localDeployment(
  files: StackFiles,
  passphrase: string,
  docker: Docker.DockerOptions,
): Deployment {
  const common = {
    projectDir: files.project,
    stack: files.stack,
    configFile: files.config,
    passphrase,
    stateDir: files.folder,
    docker,
  };
  return {
    kind: 'local',
    up: (options) => translated(() => runner.up({ ...common, ...options })),
    preview: (options) =>
      translated(async () => {
        const { changes, summary } = await runner.preview({ ...common, ...options });
        return { changes, summary, violations: [] };
      }),
    destroy: (options) => translated(() => runner.destroy({ ...common, ...options })),
    outputs: () => translated(() => runner.outputs({ stateDir: files.folder, passphrase })),
  };
}

async function translated<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof runner.RunnerError)) throw error;
    throw failedDeployment(messageOf(error), error);
  }
}
