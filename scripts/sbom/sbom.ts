/** `npm run sbom`: what is in each of our images, one CycloneDX file for each (cyclonedx.org/specification). */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CommandError, EXIT } from '../command-error.ts';
import { watchInterruption } from '../interruption.ts';
import { openSession } from '../session.ts';
import { openDisplay } from '../terminal/display.ts';
import { ownImages } from './own-images.ts';
import { findSyft } from './syft.ts';

export interface SbomOptions {
  readonly stack: string;
  readonly json: boolean;
}

/** Folder of the files, below the project; git ignores it. */
const FOLDER = 'sbom';

/**
 * Lists what is in every image of the stack. The image comes from the stack's own engine as an archive, so that it
 * works with an engine anywhere, and of any age.
 * @throws CommandError when the tool is not there, or the engine has no image of the stack
 */
export async function sbom(project: string, { stack, json }: SbomOptions): Promise<void> {
  const syft = await findSyft();
  const { docker } = await openSession(project, stack);
  const images = await ownImages(docker, stack);
  if (images.length === 0)
    throw new CommandError(`The engine has no image of the stack "${stack}".`, {
      exitCode: EXIT.notReady,
      advice: ['Build them: npm run up'],
    });
  const folder = join(project, FOLDER);
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, '.work-'));
  const display = openDisplay({ json });
  const interruption = watchInterruption(() => {});
  const { signal } = interruption;
  try {
    display.note(`syft ${syft.version}`);
    for (const image of images) {
      const task = display.task(image.name);
      const file = `${image.name}.cdx.json`;
      try {
        task.progress('saving it from the engine');
        const archive = join(work, `${image.name}.tar`);
        const saved = await docker.getImage(image.id).get();
        await pipeline(saved, createWriteStream(archive), { signal });
        task.progress('reading it');
        const named = { ...image, name: `lakehouse-mcp/${image.name}` };
        await syft.scan(archive, join(work, file), named, signal);
        await rm(archive);
        const count = await componentsIn(join(work, file));
        await rename(join(work, file), join(folder, file));
        task.done(`${count} components in ${FOLDER}/${file}`);
        display.json({ kind: 'sbom', ...image, file: `${FOLDER}/${file}`, components: count });
      } catch (error) {
        task.failed();
        signal.throwIfAborted();
        throw error;
      }
    }
  } finally {
    interruption.stop();
    display.close();
    await rm(work, { recursive: true, force: true });
  }
}

/** How many components a CycloneDX file lists. @throws CommandError when it is none */
async function componentsIn(path: string): Promise<number> {
  try {
    const { bomFormat, components } = JSON.parse(await readFile(path, 'utf8'));
    if (bomFormat === 'CycloneDX' && Array.isArray(components)) return components.length;
  } catch {
    // Said below.
  }
  throw new CommandError('syft wrote no CycloneDX file.');
}
