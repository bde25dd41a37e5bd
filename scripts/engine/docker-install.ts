import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { CommandError, EXIT } from '../command-error.ts';
import { findProgram, lastLines, run } from '../process.ts';
import type { Display } from '../terminal/tasks.ts';
import type { Engine, EngineAbsence } from './docker-engine.ts';
import { findEngine, requireEngine } from './docker-engine.ts';
import { hostSystem } from './host-system.ts';

const LOG = '/var/log/dockerd.log';
/** Mounts control groups where no systemd does; dockerd does not start without them. */
const CGROUP_PACKAGE = 'cgroupfs-mount';
/** How long a freshly started engine may take to answer, in ms. */
const START_MS = 90_000;

/**
 * Makes sure that an engine answers. As root on Debian or Ubuntu, when none is there, one is installed from the
 * distribution's packages and started; that is said first, and `install: false` forbids it.
 * @throws CommandError (exit 3) with the commands to run where this cannot be done.
 */
export async function ensureEngine(
  found: Engine | EngineAbsence,
  options: { install: boolean; display: Display; signal: AbortSignal },
): Promise<Engine> {
  const host = hostSystem();
  const fixable = 'kind' in found && found.kind === 'absent' && found.address.from === 'default';
  if (!fixable || !options.install || !host.root || !host.debianLike) return requireEngine(found);
  const { display, signal } = options;
  if ((await findProgram('dockerd')) === undefined) {
    display.note(
      "No Docker engine here. Installing Debian's package docker.io, as root (--no-install forbids it).",
    );
    await aptInstall(['docker.io', ...(hasSystemd() ? [] : [CGROUP_PACKAGE])], {
      title: 'Install Docker engine',
      display,
      signal,
    });
  }
  if (!hasSystemd() && !hasCgroups()) await mountCgroups(display, signal);
  const task = display.task('Start Docker engine');
  const started = await startEngine(found.address, signal, (text) => task.progress(text));
  if ('kind' in started) {
    task.failed('it does not answer');
    const log = existsSync(LOG) ? lastLines(readFileSync(LOG, 'utf8'), 4) : [];
    throw new CommandError('The Docker engine was started and does not answer.', {
      exitCode: EXIT.noEngine,
      advice: [
        ...(log.length > 0 ? [`The end of ${LOG}:`, ...log.map((line) => `  ${line}`)] : []),
        hasSystemd()
          ? 'See why: journalctl -u docker -n 50'
          : 'See why by running it in the foreground: dockerd',
      ],
    });
  }
  task.done(`Docker ${started.version}`);
  return requireEngine(started);
}

/** Installs packages with apt-get, showing its progress. */
export async function aptInstall(
  packages: readonly string[],
  options: { title: string; display: Display; signal: AbortSignal },
): Promise<void> {
  const task = options.display.task(options.title);
  const apt = (words: readonly string[]) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...words], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      signal: options.signal,
      onLine: (line) => task.progress(line),
    });
  const updated = await apt(['update']);
  const installed = await apt(['install', '-y', '--no-install-recommends', ...packages]);
  if (installed.code !== 0) {
    task.failed(`apt-get ended with exit code ${installed.code}`);
    throw new CommandError(`apt-get could not install ${packages.join(' ')}.`, {
      advice: [
        ...lastLines(updated.code === 0 ? installed.stderr : updated.stderr, 4),
        `Try it by hand: apt-get update && apt-get install -y ${packages.join(' ')}`,
      ],
    });
  }
  task.done(packages.join(', '));
}

const hasSystemd = () => existsSync('/run/systemd/system');

/** Whether control groups are mounted, version 2 or 1. */
const hasCgroups = () =>
  existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/devices/tasks');

async function mountCgroups(display: Display, signal: AbortSignal): Promise<void> {
  if ((await findProgram(CGROUP_PACKAGE)) === undefined)
    await aptInstall([CGROUP_PACKAGE], { title: 'Install cgroupfs-mount', display, signal });
  // Where it cannot mount them, the engine's own log says so next.
  if (!hasCgroups()) await run(CGROUP_PACKAGE, [], { signal });
}

/** Starts the installed engine: through systemd where that runs, else in the background, to live on after us. */
async function startEngine(
  address: EngineAbsence['address'],
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Engine | EngineAbsence> {
  let gone = false;
  if (hasSystemd()) {
    progress('systemctl start docker');
    await run('systemctl', ['enable', '--now', 'docker'], { signal });
  } else {
    progress(`dockerd, log in ${LOG}`);
    const log = openSync(LOG, 'a');
    const daemon = spawn('dockerd', [], { detached: true, stdio: ['ignore', log, log], cwd: '/' });
    daemon.on('exit', () => {
      gone = true;
    });
    daemon.unref();
  }
  const deadline = performance.now() + START_MS;
  for (;;) {
    const found = await findEngine(address);
    if (!('kind' in found) || gone || performance.now() > deadline) return found;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
