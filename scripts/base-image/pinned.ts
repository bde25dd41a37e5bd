import Docker from 'dockerode';
import { pinned, THIRD_PARTY_IMAGES } from '../../infra/image-lock.ts';
import { CommandError } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import type { EnsureOptions } from './ensure.ts';
import { isOnEngine, pullImage } from './pull.ts';

/**
 * Makes sure that the engine has the images of a production stack, exactly those that the settings and the lock file
 * name: none is built here in the place of one that cannot be had.
 */
export async function ensurePinnedImages({
  config,
  engine,
  display,
  signal,
}: EnsureOptions): Promise<void> {
  const docker = new Docker(engine.options);
  config.setMachine('nodeImage', undefined);
  const task = display.task('Images');
  const progress = (text: string) => task.progress(text);
  const pulled: string[] = [];
  for (const setting of THIRD_PARTY_IMAGES) {
    const name = contentName(config, setting);
    if (await isOnEngine(docker, name)) continue;
    progress(`pulling ${name}`);
    const reason = name.startsWith('sha256:')
      ? 'it is named by its content, which no registry knows'
      : await pullImage(docker, name, { signal, progress });
    if (reason !== undefined) {
      task.failed('cannot be pulled');
      throw new CommandError(
        `The image ${name} is not on the engine and cannot be pulled: ${reason}.`,
        {
          advice: [
            `Name one that the engine has or can pull: npm run up -- --set ${setting}=registry.example/image@sha256:…`,
            'An image that is on the engine already goes by its content:',
            `  npm run up -- --set ${setting}=$(docker image inspect --format '{{.Id}}' <image>)`,
          ],
        },
      );
    }
    pulled.push(name);
  }
  if (pulled.length > 0) task.done(`${pulled.join(', ')}, pulled`);
  else task.same('on the engine');
}

/** A third-party image of the settings by its content, where the lock file knows it. */
export function contentName(
  config: Pick<StackConfig, 'get'>,
  setting: (typeof THIRD_PARTY_IMAGES)[number],
): string {
  const reference = config.get(setting) ?? '';
  return pinned(reference) ?? reference;
}

/** Third-party images of the settings that no digest stands behind: what they name may be another image tomorrow. */
export function loosePins(config: Pick<StackConfig, 'get'>): CommandError[] {
  return THIRD_PARTY_IMAGES.filter(
    (setting) => pinned(config.get(setting) ?? '') === undefined,
  ).map(
    (setting) =>
      new CommandError(
        `"${setting}" is ${config.get(setting)}, which may be another image tomorrow; production takes images by digest.`,
        { advice: ['Write its digest down: npm run pin'] },
      ),
  );
}
