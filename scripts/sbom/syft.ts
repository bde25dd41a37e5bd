import { CommandError } from '../command-error.ts';
import { findProgram, lastLines, run } from '../process.ts';

/** The newest version that this was tried with; another one on PATH is used as it is. */
const TRIED = 'v1.54.1';

/** A tool that reads what is in an image. */
export interface Syft {
  readonly version: string;
  /**
   * Lists what is in an image, as CycloneDX JSON.
   * @param archive what `docker save` gives
   * @param target file to write
   */
  scan(
    archive: string,
    target: string,
    image: { readonly name: string; readonly id: string },
    signal: AbortSignal,
  ): Promise<void>;
}

/** @throws CommandError with the command that installs it: a tool that reads everything is not fetched unasked. */
export async function findSyft(): Promise<Syft> {
  const program = await findProgram('syft');
  if (program === undefined)
    throw new CommandError('syft, which lists what is in an image, is not on PATH.', {
      advice: [
        'Install it, then run the command again:',
        `  go install github.com/anchore/syft/cmd/syft@${TRIED}      (Go; add "$(go env GOPATH)/bin" to PATH)`,
        '  brew install syft                                         (Homebrew)',
      ],
    });
  const env = {
    ...process.env,
    // It would tell its maker's server its version at every run.
    SYFT_CHECK_FOR_APP_UPDATE: 'false',
    // Packages are listed, not each of the thousands of files that belong to one.
    SYFT_FILE_METADATA_SELECTION: 'none',
  };
  const { stdout } = await run(program, ['version'], { env });
  return {
    version: /^Version:\s*v?(\d\S*)/m.exec(stdout)?.[1] ?? 'of unknown version',
    scan: async (archive, target, image, signal) => {
      const words = [
        'scan',
        `docker-archive:${archive}`,
        '--quiet',
        '--source-name',
        image.name,
        '--source-version',
        image.id,
        '--output',
        `cyclonedx-json=${target}`,
      ];
      const { code, stderr } = await run(program, words, { env, signal });
      if (code !== 0)
        throw new CommandError(`syft could not read the image ${image.name} (exit ${code}).`, {
          advice: lastLines(stderr, 5),
        });
    },
  };
}
