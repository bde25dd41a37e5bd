import Docker from 'dockerode';
import { baseImageState } from '../base-image/ensure.ts';
import { CommandError, messageOf } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { fullKey, isSecretKey, NAMESPACE, shortKey, whatIsAllowed } from '../config/keys.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { recordedEngine } from '../engine/choose.ts';
import { dockerAddress, isRemote } from '../engine/docker-address.ts';
import { type Engine, findEngine, requireEngine } from '../engine/docker-engine.ts';
import { whatIsMissing } from '../entry/dependencies.mjs';
import { dremioLogin, loopbackProblem } from '../preflight/check.ts';
import { diskProblem, engineDiskFree } from '../preflight/disk.ts';
import { loginProblem, loginSuccess, tryLogin } from '../preflight/dremio.ts';
import { checkPort } from '../preflight/port.ts';
import { findProgram } from '../process.ts';
import { stackFiles } from '../stack/stack-files.ts';
import { stackStatus } from '../stack/stack-status.ts';

/** One check and what it found. */
export interface Finding {
  readonly check: string;
  readonly kind: 'ok' | 'problem' | 'note';
  readonly text: string;
  /** Commands or sentences that fix a problem. */
  readonly fix?: readonly string[];
}

/** Looks at everything in the order in which things depend on each other; changes nothing. */
export async function* diagnose(project: string, stack: string): AsyncGenerator<Finding> {
  yield { check: 'Node', kind: 'ok', text: `${process.version} (${process.execPath})` };
  const missing = whatIsMissing(project);
  yield missing === undefined
    ? { check: 'Dependencies', kind: 'ok', text: 'as package-lock.json says' }
    : { check: 'Dependencies', kind: 'problem', text: missing, fix: ['npm ci'] };

  const files = stackFiles(project, stack);
  const config = yield* attempt('Settings', async () => {
    const passphrase = (await readPassphrase(files, process.env, { make: false })) ?? '';
    return StackConfig.read(files, passphrase);
  });
  if (config === undefined) return;
  yield* checkSettings(config);
  const recorded = yield* attempt('Engine of deployment', () => recordedEngine(files));
  const pulumi = await findProgram('pulumi');
  const cli = pulumi === undefined ? 'no Pulumi CLI on PATH' : `Pulumi CLI at ${pulumi}`;
  if (recorded === 'pulumi' && pulumi === undefined)
    yield {
      check: 'Engine of deployment',
      kind: 'note',
      text: `the stack was made with the Pulumi CLI; ${cli}, so it is looked for in ~/.pulumi`,
    };
  else
    yield {
      check: 'Engine of deployment',
      kind: 'ok',
      text: recorded === undefined ? `not chosen yet, ${cli}` : `${recorded}, ${cli}`,
    };

  const engine = yield* attempt('Docker engine', async () =>
    requireEngine(await findEngine(dockerAddress(config.get('docker:host'), process.env))),
  );
  if (engine === undefined) return;
  const { version, platform, address } = engine;
  yield { check: 'Docker engine', kind: 'ok', text: `${version} (${platform}) at ${address.url}` };
  const docker = new Docker(engine.options);
  yield* checkDisk(docker);
  yield* checkBaseImage(config, engine);
  const port = Number(config.get('mcpPort'));
  const remote = isRemote(address);
  const free = yield* attempt('Port', async () => {
    await checkPort(docker, { port, stack, remote });
    return true;
  });
  if (free) yield { check: 'Port', kind: 'ok', text: `${port} is free, or this stack's own` };
  yield* checkDremio(config, docker);
  yield* checkStack(docker, stack);
}

/** Runs a step; what it throws becomes a problem, with its advice as the fix. */
async function* attempt<T>(
  check: string,
  step: () => Promise<T>,
): AsyncGenerator<Finding, T | undefined> {
  try {
    return await step();
  } catch (error) {
    const fix = error instanceof CommandError ? error.advice : [];
    yield { check, kind: 'problem', text: messageOf(error), fix };
    return undefined;
  }
}

async function* checkSettings(config: StackConfig): AsyncGenerator<Finding> {
  const problems: Finding[] = [];
  for (const full of config.keys()) {
    const short = shortKey(full);
    const fix = [`npm run up -- --unset ${short}`];
    const check = 'Settings';
    try {
      fullKey(full);
    } catch (error) {
      if (full.startsWith(`${NAMESPACE}:`))
        problems.push({ check, kind: 'problem', text: messageOf(error), fix });
      continue;
    }
    const value = isSecretKey(full) ? undefined : config.get(full);
    const allowed = value === undefined ? undefined : whatIsAllowed(full, value);
    if (allowed !== undefined)
      problems.push({
        check,
        kind: 'problem',
        text: `${short} is "${value}"; expected ${allowed}`,
        fix,
      });
  }
  if (config.get('demo') === 'true' && config.has('dremioUrl'))
    problems.push({
      check: 'Settings',
      kind: 'problem',
      text: 'demo is true and dremioUrl is set; a stack has the demo or your own Dremio',
      fix: ['npm run up -- --set demo=false'],
    });
  yield* problems.length > 0
    ? problems
    : [
        {
          check: 'Settings',
          kind: 'ok' as const,
          text: `of the stack "${config.files.stack}" are known and allowed`,
        },
      ];
}

async function* checkDisk(docker: Docker): AsyncGenerator<Finding> {
  const disk = await engineDiskFree(docker);
  const warning = yield* attempt('Disk space', async () => diskProblem(disk) ?? '');
  if (warning === undefined) return;
  const free =
    disk === undefined
      ? 'not known: it is on another machine'
      : `${(disk.free / 1e9).toFixed(0)} GB free in ${disk.path}`;
  yield warning === ''
    ? { check: 'Disk space', kind: 'ok', text: free }
    : { check: 'Disk space', kind: 'problem', text: warning, fix: ['docker system prune'] };
}

async function* checkBaseImage(config: StackConfig, engine: Engine): AsyncGenerator<Finding> {
  const check = 'Base image';
  const { name, present, obstacle } = await baseImageState(config, engine);
  if (present) yield { check, kind: 'ok', text: name };
  else if (config.isSet('nodeImage') || obstacle !== undefined)
    yield { check, kind: 'note', text: `${name} is not on the engine; up pulls it` };
  else
    yield {
      check,
      kind: 'note',
      text: `${name} is not on the engine; up pulls it, or builds one from Debian packages`,
    };
}

async function* checkDremio(config: StackConfig, docker: Docker): AsyncGenerator<Finding> {
  const check = 'Dremio';
  if (config.get('demo') === 'true') {
    yield { check, kind: 'ok', text: 'the built-in demo' };
    return;
  }
  const login = yield* attempt(check, async () => (await dremioLogin(config)) ?? 'incomplete');
  if (login === undefined) return;
  if (login === 'incomplete') {
    const fix = [
      'npm run up -- --set dremioUrl=… --set dremioUsername=… --set-secret dremioPassword',
      'or, for the demo: npm run up -- --set demo=true',
    ];
    yield { check, kind: 'problem', text: 'no Dremio is named completely', fix };
    return;
  }
  const { url } = login;
  if (config.has('dremioNetwork')) {
    const text = `${url} is on the network ${config.get('dremioNetwork')}, out of reach from here`;
    yield { check, kind: 'note', text };
    return;
  }
  const outcome = await tryLogin(login);
  const problem = loginProblem(outcome, login) ?? (await loopbackProblem(docker, url));
  yield problem === undefined
    ? { check, kind: 'ok', text: loginSuccess(outcome, login) }
    : { check, kind: 'problem', text: problem.message, fix: problem.advice };
}

async function* checkStack(docker: Docker, stack: string): AsyncGenerator<Finding> {
  const { services } = await stackStatus(docker, stack);
  if (services.length === 0)
    yield {
      check: 'Stack',
      kind: 'note',
      text: `"${stack}" has no containers`,
      fix: [commandFor(stack, 'up')],
    };
  for (const { component, ready, reasons, restarts } of services) {
    const again = restarts > 0 ? `, restarted ${restarts} times` : '';
    yield ready
      ? { check: `Service ${component}`, kind: 'ok', text: `ready${again}` }
      : {
          check: `Service ${component}`,
          kind: 'problem',
          text: `not ready${again}: ${reasons.map(({ message }) => message).join('; ')}`,
          fix: [commandFor(stack, 'logs', component), commandFor(stack, 'up')],
        };
  }
}
