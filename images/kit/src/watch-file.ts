/** Looks at a file again and again and has it read anew when it changed. */
import { stat } from 'node:fs/promises';
import type { Clock } from './clock.ts';

const POLL_MS = 250;

/** Another text whenever the file's content changes, or who may read it; `none` while it cannot be looked at. */
export const fileVersion = (path: string): Promise<string> =>
  stat(path, { bigint: true }).then(
    ({ ino, size, mtimeNs, ctimeNs }) => `${ino} ${size} ${mtimeNs} ${ctimeNs}`,
    () => 'none',
  );

export interface FileWatch {
  readonly path: string;
  /** `fileVersion` from before the file was read. */
  readonly version: string;
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  reload(): Promise<void>;
  /** `reload` threw, for the first time with this content; it is tried again until it does not. */
  onUnusable(error: unknown): void;
}

/** Resolves when the watch is ended; never rejects. */
export async function watchFile(watch: FileWatch): Promise<void> {
  const { path, clock, signal } = watch;
  let unusable: string | undefined;
  for (let known = watch.version; ; ) {
    await clock.sleep(POLL_MS, signal);
    if (signal.aborted) return;
    const version = await fileVersion(path);
    if (version === known) continue;
    try {
      await watch.reload();
      known = version;
      unusable = undefined;
    } catch (error) {
      // Not all that stands in the way is in the file: without a free descriptor, say, it cannot be read for a while.
      if (version !== unusable) watch.onUnusable(error);
      unusable = version;
    }
  }
}
