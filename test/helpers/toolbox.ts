/** A container beside the tested one, as root, for what an operator or the machine does to a token volume. */
import { once } from 'node:events';
import { docker } from './stack.ts';

export interface Toolbox {
  /**
   * Runs a shell script with the volume at `/token`; returns what it wrote.
   * @throws Error with that when it fails
   */
  run(script: string): Promise<string>;
  remove(): Promise<void>;
}

/** Opens one; while it is open, a volume in memory keeps its files. */
export async function openToolbox(image: string, volume: string): Promise<Toolbox> {
  const container = await docker.createContainer({
    name: `${volume}-toolbox`,
    Image: image,
    User: '0:0',
    Entrypoint: ['sleep', 'infinity'],
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true,
      NetworkMode: 'none',
      Binds: [`${volume}:/token`],
      // For `mount -o remount`, which changes the file system for everyone who has it.
      CapAdd: ['SYS_ADMIN'],
      SecurityOpt: ['apparmor=unconfined', 'seccomp=unconfined'],
    },
  });
  const remove = async () => {
    await container.remove({ force: true });
  };
  try {
    await container.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    remove,
    async run(script) {
      const exec = await container.exec({
        Cmd: ['sh', '-ec', script],
        AttachStdout: true,
        AttachStderr: true,
      });
      const stream = await exec.start({ hijack: true, stdin: false });
      let output = '';
      const sink = {
        write: (chunk: Buffer) => {
          output += chunk;
        },
      } as unknown as NodeJS.WritableStream;
      docker.modem.demuxStream(stream, sink, sink);
      await once(stream, 'end');
      const { ExitCode } = await exec.inspect();
      if (ExitCode !== 0) throw new Error(`"${script}" ended with ${ExitCode}: ${output}`);
      return output.trim();
    },
  };
}
