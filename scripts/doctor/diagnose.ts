import Docker from 'dockerode';
import { baseImageState } from '../base-image/ensure.ts';
import { CommandError, messageOf } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { recordedEngine } from '../engine/choose.ts';
import { dockerAddress } from '../engine/docker-address.ts';
import { type Engine, findEngine, requireEngine } from '../engine/docker-engine.ts';
import { whatIsMissing } from '../entry/dependencies.mjs';
import { checksFor } from '../preflight/checks.ts';
import type { Check, Ground } from '../preflight/ground.ts';
import { keyProblems, settingsProblems } from '../preflight/settings.ts';
import { findProgram } from '../process.ts';
import { platformOf, runningStack } from '../stack/platform.ts';
import { availabilityWord, type RunningStack } from '../stack/running.ts';
import { stackFiles } from '../stack/stack-files.ts';
import { stackStatus } from '../stack/stack-status.ts';
import { compareTools, toolsAdvice, toolsTrouble } from '../tools/compare.ts';
import { TOOLS_LOCK } from '../tools/lock.ts';

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
  const running = runningStack(docker, stack, platformOf(config));
  for (const check of checksFor(config, 'diagnosis'))
    yield* attemptCheck(check, { config, docker, engine });
  yield* checkBaseImage(config, engine);
  yield* checkStack(running);
  yield* checkTools(project, running);
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

/** What a check of the preflight finds, as findings; one that fails by itself is a problem, too. */
async function* attemptCheck(
  { name: check, look }: Check,
  ground: Ground,
): AsyncGenerator<Finding> {
  const found = yield* attempt(check, () => look(ground));
  if (found === undefined) return;
  const { ok, notes = [], warnings = [], problems = [] } = found;
  for (const { message: text, advice: fix } of problems)
    yield { check, kind: 'problem', text, fix };
  for (const { text, fix } of warnings) yield { check, kind: 'problem', text, fix };
  if (ok !== undefined && problems.length === 0) yield { check, kind: 'ok', text: ok };
  for (const text of notes) yield { check, kind: 'note', text };
}

async function* checkSettings(config: StackConfig): AsyncGenerator<Finding> {
  const check = 'Settings';
  const found =
    platformOf(config) === 'swarm' ? await settingsProblems(config) : keyProblems(config);
  const problems = found.map(
    ({ message: text, advice: fix }): Finding => ({ check, kind: 'problem', text, fix }),
  );
  if (platformOf(config) !== 'swarm' && config.get('demo') === 'true' && config.has('dremioUrl'))
    problems.push({
      check,
      kind: 'problem',
      text: 'demo is true and dremioUrl is set; a stack has the demo or your own Dremio',
      fix: ['npm run up -- --set demo=false'],
    });
  const text = `of the stack "${config.files.stack}" are known and allowed`;
  yield* problems.length > 0 ? problems : [{ check, kind: 'ok' as const, text }];
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

async function* checkTools(project: string, running: RunningStack): AsyncGenerator<Finding> {
  const check = 'Tools';
  const tools = yield* attempt(check, () => compareTools(project, running));
  if (!tools) return;
  const trouble = toolsTrouble(tools);
  yield trouble === undefined
    ? { check, kind: 'ok', text: `as pinned in ${TOOLS_LOCK}` }
    : { check, kind: 'problem', text: trouble, fix: toolsAdvice(running.stack) };
}

async function* checkStack(running: RunningStack): AsyncGenerator<Finding> {
  const { stack } = running;
  const { services, swarm } = await stackStatus(running);
  if (services.length === 0)
    yield {
      check: 'Stack',
      kind: 'note',
      text: `nothing of "${stack}" runs`,
      fix: [commandFor(stack, 'up')],
    };
  for (const { name, availability, state } of swarm?.nodes ?? [])
    if (availability !== 'active' || state !== 'ready')
      yield {
        check: `Node ${name}`,
        kind: 'problem',
        text: `is ${state === 'ready' ? availabilityWord(availability) : state}: nothing runs there`,
        fix: [
          state === 'ready'
            ? `docker node update --availability active ${name}`
            : 'start its Docker engine, on it: systemctl start docker',
        ],
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
