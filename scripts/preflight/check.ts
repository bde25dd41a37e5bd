import type Docker from 'dockerode';
import type { StackConfig } from '../config/stack-config.ts';
import { isRemote } from '../engine/docker-address.ts';
import type { Engine } from '../engine/docker-engine.ts';
import { findLeftovers } from '../stack/leftovers.ts';
import type { Display } from '../terminal/tasks.ts';
import { diskProblem, engineDiskFree } from './disk.ts';
import { type LoginOutcome, loginProblem, tryLogin } from './dremio.ts';
import { checkPort } from './port.ts';

export interface CheckOptions {
  readonly config: StackConfig;
  readonly docker: Docker;
  readonly engine: Engine;
  readonly display: Display;
}

/**
 * Looks for what would make a deployment fail late and in other people's words: disk, port, Dremio.
 * @throws CommandError with the first problem
 */
export async function check({ config, docker, engine, display }: CheckOptions): Promise<void> {
  const task = display.task('Checks');
  try {
    task.progress('disk space');
    const warning = diskProblem(await engineDiskFree(docker));
    if (warning !== undefined) display.warn(warning);
    task.progress('port');
    const port = Number(config.get('mcpPort'));
    const { stack } = config.files;
    if (Number.isInteger(port))
      await checkPort(docker, { port, stack, remote: isRemote(engine.address) });
    const dremio = await checkDremio({ config, docker, engine, display }, (text) =>
      task.progress(text),
    );
    task.same([`port ${port}`, ...(dremio === undefined ? [] : [dremio])].join(', '));
  } catch (error) {
    task.failed();
    throw error;
  }
}

/** Outcomes that may pass by themselves; a stack that runs already is not kept from an update by them. */
const PASSING: ReadonlySet<LoginOutcome['kind']> = new Set([
  'failing',
  'refused',
  'timeout',
  'network',
  'unknown-host',
]);

async function checkDremio(
  { config, docker, engine, display }: CheckOptions,
  progress: (text: string) => void,
): Promise<string | undefined> {
  const url = config.get('dremioUrl');
  const username = config.get('dremioUsername');
  const password = await config.getSecret('dremioPassword');
  // What is missing or contradicts itself is the program's to say.
  if (config.get('demo') === 'true' || url === undefined || !URL.canParse(url)) return undefined;
  if (username === undefined || password === undefined) return undefined;
  if (config.has('dremioNetwork') || isRemote(engine.address)) {
    display.note(`Dremio at ${url} is not asked from here: only the containers can reach it.`);
    return undefined;
  }
  progress(`login to ${url}`);
  const ca = config.get('dremioCa');
  const login = { url, username, password, ...(ca === undefined ? {} : { ca }) };
  const outcome = await tryLogin(login);
  const problem = loginProblem(outcome, login);
  if (problem === undefined) return `login to ${url} as ${username}`;
  const deployed = (await findLeftovers(docker, config.files.stack)).containers.length > 0;
  if (!deployed || !PASSING.has(outcome.kind)) throw problem;
  display.warn(`${problem.message} Going on, since the stack is there already.`);
  return undefined;
}
