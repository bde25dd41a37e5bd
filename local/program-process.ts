/**
 * The process that runs a program: one per run, because Pulumi's runtime and Node's module cache
 * are global to a process. It talks to the runner only over the channel of `fork`, so neither
 * config nor secrets are in its arguments or its environment.
 */

import './compile-cache.ts';
import { flushCompileCache } from 'node:module';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as pulumi from '@pulumi/pulumi';
import { describeRequest, type RegisterRequest } from './program-request.ts';
import type { FromProgram, Registered, ToProgram } from './registration.ts';

const waiting = new Map<number, (result: Registered) => void>();

function send(message: FromProgram): void {
  process.send?.(message);
}

// The runner decides when to stop; a Ctrl-C in the terminal reaches this process too.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit());

let failed = false;

/** Reports the first failure; the runner then ends this process when nothing is under way. */
function fail(error: unknown): void {
  if (failed) return;
  failed = true;
  send({ kind: 'failed', message: describeError(error) });
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

process.on('message', (message: ToProgram) => {
  if (message.kind === 'registered') {
    waiting.get(message.sequence)?.(message.result);
    waiting.delete(message.sequence);
    if (waiting.size === 0) process.channel?.unref();
  } else {
    run(message).catch(fail);
  }
});
send({ kind: 'ready' });

async function run(order: Extract<ToProgram, { kind: 'run' }>): Promise<void> {
  pulumi.runtime.setAllConfig(order.config, order.secretKeys);
  await prepareRuntime(order);
  let exported: Record<string, unknown> = {};
  const values = await pulumi.runtime.runInPulumiStack(async () => {
    exported = await load(order.entry);
    return exported;
  });
  const outputs = await Promise.all(
    Object.entries((values ?? {}) as Record<string, unknown>)
      .filter(([, value]) => value !== undefined)
      .map(async ([name, value]) => {
        const secret = await pulumi.isSecret(pulumi.output(exported[name]));
        return [name, { value, secret }] as const;
      }),
  );
  // As under the CLI, a program has ended when it has nothing left to wait for: resources that no
  // output depends on may still be under way, and so may a mistake in an apply.
  process.on('beforeExit', () => {
    process.channel?.ref();
    // The runner ends this process by force, so the cache would not be written by itself.
    flushCompileCache();
    if (pulumi.log.hasErrors())
      fail(new pulumi.RunError('The program reported errors; see above.'));
    if (!failed) send({ kind: 'finished', outputs: Object.fromEntries(outputs) });
  });
  if (waiting.size === 0) process.channel?.unref();
}

/** The exports of the program; an exported function is called for them, as the CLI does. */
async function load(entry: string): Promise<Record<string, unknown>> {
  const module = (await import(pathToFileURL(entry).href)) as Record<string, unknown>;
  const named = Object.keys(module).filter((name) => name !== 'default');
  if ('default' in module && named.length > 0) {
    throw new pulumi.RunError(
      'expected entrypoint module to have either a default export or named exports but not both',
    );
  }
  const program = 'default' in module ? module.default : { ...module };
  return (typeof program === 'function' ? await program() : program) ?? {};
}

/** What of the SDK's mock monitor is replaced; the rest of it serves as it is. */
interface Monitor {
  registerResource(request: RegisterRequest, callback: Callback): void;
  registerResourceOutputs(request: unknown, callback: Callback): void;
  readResource(request: { getType(): string; getName(): string }): void;
  invoke(request: { getTok(): string }): void;
  call(request: { getTok(): string }): void;
  registerStackTransform(): void;
  registerStackInvokeTransform(): void;
  registerResourceHook(): void;
  registerErrorHook(): void;
}
type Callback = (error: unknown, response?: { setUrn?(urn: string): void }) => void;

/**
 * `setMocks` is the SDK's own way to stand in for the engine. Its mocks see type, name and inputs;
 * the request before them also says options, parent and dependencies, so it is read here.
 */
async function prepareRuntime({
  project,
  stack,
  preview,
}: Extract<ToProgram, { kind: 'run' }>): Promise<void> {
  let sequence = 0;
  let current: ReturnType<typeof describeRequest> | undefined;
  const newResource = () => {
    const registration = current;
    if (registration === undefined) throw new Error('a resource was registered without a request');
    const mine = sequence++;
    return new Promise<{ id: string | undefined; state: Record<string, unknown> }>((resolve) => {
      waiting.set(mine, ({ id, state }) => resolve({ id, state }));
      process.channel?.ref();
      send({ kind: 'register', sequence: mine, registration });
    });
  };
  const call = () => Promise.reject(new Error('every provider function is refused before this'));
  await pulumi.runtime.setMocks({ newResource, call }, project, stack, preview);
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const registration = describeRequest(request, project, stack);
    // The monitor calls newResource before it first waits, so `current` is still this request.
    current = registration;
    register(request, (error, response) => {
      response?.setUrn?.(registration.urn);
      callback(error, response);
    });
    current = undefined;
  };
  monitor.registerResourceOutputs = (_request, callback) => callback(undefined, {});
  refuseTheRest(monitor);
}

/** Nothing answers what is refused here: the runner ends the process. */
function refuseTheRest(monitor: Monitor): void {
  const refuse = (what: string) =>
    fail(new pulumi.RunError(`The program ${what}, which the local runner cannot do.`));
  monitor.readResource = (request) =>
    refuse(`reads the existing resource "${request.getName()}" (${request.getType()})`);
  monitor.invoke = (request) => refuse(`calls the provider function "${request.getTok()}"`);
  monitor.call = (request) => refuse(`calls the resource method "${request.getTok()}"`);
  monitor.registerStackTransform = () => refuse('registers asynchronous transforms');
  monitor.registerStackInvokeTransform = () => refuse('registers asynchronous transforms');
  monitor.registerResourceHook = () => refuse('uses resource hooks');
  monitor.registerErrorHook = () => refuse('uses resource hooks');
}

/** Files that are not the user's program. */
const foreign = /\/node_modules\/|\/local\/program-\w+\.ts$/;

/** Words for the user: no stack trace, but the place in the program when it is a plain mistake. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const forUsers: boolean = pulumi.RunError.isInstance(error);
  if (forUsers) return error.message;
  const place = error.stack
    ?.split('\n')
    .map((line) => /(?:file:\/\/|at |\()(\/[^()]+):(\d+):\d+\)?$/.exec(line))
    .find((match) => match?.[1] !== undefined && !foreign.test(match[1]));
  const where = place?.[1] ? ` (${relative(process.cwd(), place[1])}:${place[2]})` : '';
  return `${error.message}${where}`;
}
