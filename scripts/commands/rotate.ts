import Docker from 'dockerode';
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor, forStack } from '../command-words.ts';
import { fullKey } from '../config/keys.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { openDeployment, recordedEngine } from '../engine/choose.ts';
import { dockerAddress, isRemote } from '../engine/docker-address.ts';
import { findEngine, requireEngine } from '../engine/docker-engine.ts';
import type { Probe } from '../mcp/probe.ts';
import { loginProblem, tryLogin } from '../preflight/dremio.ts';
import { dremioLogin } from '../preflight/dremio-check.ts';
import { loggedIn } from '../rotate/login.ts';
import { planRotation, type Rotation, type RotationPlan } from '../rotate/plan.ts';
import { type KeyReport, reportLines } from '../rotate/report.ts';
import { type Access, accessOf, fromHere, notDeployed } from '../session.ts';
import { type ChangeContext, changeStack } from '../stack/change.ts';
import { platformOf, runningStack } from '../stack/platform.ts';
import type { RunningStack } from '../stack/running.ts';
import { type StackFiles, stackFiles } from '../stack/stack-files.ts';
import { readSecrets } from '../terminal/prompt.ts';
import { styleFor } from '../terminal/style.ts';
import { type BringUpOptions, bringUp } from './bring-up.ts';

export interface RotateOptions {
  readonly stack: string;
  readonly what: Rotation;
  /** Ends the old key of an open rotation. */
  readonly finish: boolean;
  readonly json: boolean;
}

/** How long a key may take until a call with it succeeds, in ms. */
const WORKS_MS = 30_000;
/** How long is called on after the deployment, in ms. */
const SETTLE_MS = 2_000;

/** Changes a secret of a stack that runs, and measures what clients notice of it. */
export async function rotate(project: string, options: RotateOptions): Promise<void> {
  const { stack, what, finish, json } = options;
  const files = stackFiles(project, stack);
  if ((await recordedEngine(files)) === undefined) throw notDeployed(files);
  const passphrase = (await readPassphrase(files, process.env, { make: false })) ?? '';
  let secrets: ReadonlyMap<string, string> = new Map();
  const words = finish ? `${what} --finish` : what;
  const change = {
    command: 'rotate',
    json,
    whenInterrupted: [`Go on where it stopped: ${commandFor(stack, 'up')}`],
    ask: async () => {
      const plan = planRotation(what, await StackConfig.read(files, passphrase), { finish });
      if (plan.secret !== undefined) secrets = await readSecrets([fullKey(plan.secret)]);
    },
  } as const;
  await changeStack(files, change, async (context) => {
    const { display } = context;
    const config = await StackConfig.read(files, passphrase);
    const plan = planRotation(what, config, { finish });
    const { present, how, running, remote } = await deployed(config, passphrase, stack, context);
    display.note(forStack(plan.before.join('\n'), stack));
    if (!remote) await tryPassword(config, secrets);
    const reports = await carryOut({ config, passphrase, plan, present, secrets, how }, context);
    const after = [...(plan.login ? await loggedIn(running, display) : []), ...plan.after];
    display.json({ kind: 'result', ok: true, stack, rotated: words, reports });
    display.text([
      '',
      ...(reports.length === 0
        ? ['  The URL is not reached from here, so nothing was measured.']
        : reportLines(reports, styleFor(process.stdout)).map((line) => `  ${line}`)),
      '',
      ...after.map((line) => `  ${forStack(line, stack)}`),
      '',
    ]);
  });
}

/** How the stack is reached at present, and how it is brought up again. @throws CommandError when it was never up */
async function deployed(
  config: StackConfig,
  passphrase: string,
  stack: string,
  context: ChangeContext,
): Promise<{
  present: Access | undefined;
  how: BringUpOptions;
  running: RunningStack;
  remote: boolean;
}> {
  const { files } = config;
  const address = dockerAddress(config.get('docker:host'), process.env);
  const engine = requireEngine(await findEngine(address));
  const docker = engine.options;
  const deployment = await openDeployment({ files, passphrase, docker, ...context });
  if (deployment === undefined) throw notDeployed(files);
  const access = accessOf(await deployment.outputs(), files);
  const platform = platformOf(config);
  const running = runningStack(new Docker(docker), stack, platform);
  return {
    present: await fromHere(access, running, engine.address),
    // Who made the stack as a trial has said so.
    how: { stack, install: false, trial: platform === 'swarm' && deployment.kind === 'local' },
    running,
    remote: isRemote(engine.address),
  };
}

/** Tries a new password before it is kept, where Dremio can be asked from here. */
async function tryPassword(
  config: StackConfig,
  secrets: ReadonlyMap<string, string>,
): Promise<void> {
  const password = secrets.get(fullKey('dremioPassword'));
  const login = password === undefined ? undefined : await dremioLogin(config);
  if (password === undefined || login === undefined || config.has('dremioNetwork')) return;
  const outcome = await tryLogin({ ...login, password });
  if (outcome.kind === 'refused-credentials')
    throw new CommandError(
      `Dremio at ${login.url} refuses the new password of the user "${login.username}" (401). Nothing was changed.`,
      { advice: ['Change it in Dremio first, then: npm run rotate -- dremio-password'] },
    );
  const problem = loginProblem(outcome, login);
  if (problem !== undefined) throw problem;
}

interface Order {
  readonly config: StackConfig;
  readonly passphrase: string;
  readonly plan: RotationPlan;
  /** The URL as it is reached from here, with the key of before. */
  readonly present: Access | undefined;
  readonly secrets: ReadonlyMap<string, string>;
  readonly how: BringUpOptions;
}

/** Changes and deploys, while clients of our own call. @throws CommandError when the new key does not work after */
async function carryOut(order: Order, context: ChangeContext): Promise<KeyReport[]> {
  const { config, plan, present } = order;
  const { startProbe } = await import('../mcp/probe.ts');
  const started = performance.now();
  const probes: { key: KeyReport['key']; began: number; probe: Probe }[] = [];
  const begin = (key: KeyReport['key'], access: Access) => {
    const probe = startProbe(access, plan.call);
    probes.push({ key, began: Math.round(performance.now() - started), probe });
    return probe;
  };
  try {
    if (present !== undefined) await workingBefore(begin('present', present), present.url, context);
    const endpoint = await deploySteps(order, context);
    const changed = endpoint !== undefined && endpoint.key !== present?.key;
    const [first] = probes;
    if (changed && first !== undefined) first.key = 'old';
    const newest = changed ? begin('new', endpoint) : first?.probe;
    if (newest !== undefined) await workingAfter(newest, config.files, context);
  } finally {
    await Promise.all(probes.map(({ probe }) => probe.stop()));
  }
  return probes.map(({ key, began, probe }) => ({ key, began, noticed: probe.noticed }));
}

/** @returns where the stack is reached after the last step; undefined where it is not from here */
async function deploySteps(
  { config, passphrase, plan, secrets, how }: Order,
  context: ChangeContext,
): Promise<Access | undefined> {
  let endpoint: Access | undefined;
  for (const step of plan.steps) {
    const set = Object.fromEntries(
      Object.entries(step).map(([key, value]) => [fullKey(key), value]),
    );
    await config.change({ set, secrets: [], unset: [] }, secrets);
    await config.save();
    ({ endpoint } = await bringUp(config, passphrase, how, context));
  }
  return endpoint;
}

/** A stack that serves nobody is rotated, too: that may be why. But then it is said. */
async function workingBefore(probe: Probe, url: string, { display }: ChangeContext): Promise<void> {
  const task = display.task('Calls with the present key');
  if (await probe.worksWithin(WORKS_MS / 3)) return task.done('answered, and go on all the while');
  task.failed();
  display.warn(`No call at ${url} succeeds before the change: ${probe.noticed.lastFailure}`);
}

async function workingAfter(
  probe: Probe,
  { stack }: StackFiles,
  { display }: ChangeContext,
): Promise<void> {
  const task = display.task('Calls after the change');
  const works = await probe.worksWithin(WORKS_MS);
  if (works) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return task.done('answered');
  }
  task.failed();
  throw new CommandError(
    `The change is deployed, and no call succeeds: ${probe.noticed.lastFailure ?? 'no answer'}`,
    { exitCode: EXIT.notReady, advice: [`See why: ${commandFor(stack, 'status')}`] },
  );
}
