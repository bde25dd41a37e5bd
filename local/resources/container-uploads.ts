import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { Upload } from './container-inputs.ts';

const defaultMode = 0o644;
const executableMode = 0o744;

/** The files to put into a container, as an archive to extract at its root. */
export function uploadArchive(uploads: readonly Upload[]): Readable {
  const archive = pack();
  for (const { file, content, contentBase64, permissions, executable, owner, group } of uploads) {
    const body = Buffer.from(
      content ?? contentBase64 ?? '',
      content === undefined ? 'base64' : 'utf8',
    );
    const mode =
      permissions === undefined
        ? executable
          ? executableMode
          : defaultMode
        : Number.parseInt(permissions, 8);
    archive.entry(
      {
        name: file.replace(/^\/+/, ''),
        mode,
        uid: Number(owner ?? 0),
        gid: Number(group ?? 0),
      },
      body,
    );
  }
  archive.finalize();
  return archive as unknown as Readable;
}
