import { commandFor } from '../command-words.ts';
import { type Changes, parseChanges } from '../config/arguments.ts';
import { readPassphrase } from '../config/passphrase.ts';
import { StackConfig } from '../config/stack-config.ts';
import { isRemote } from '../engine/docker-address.ts';
import { changeStack } from '../stack/change.ts';
import { stackFiles } from '../stack/stack-files.ts';
import { readSecrets } from '../terminal/prompt.ts';
import type { Display } from '../terminal/tasks.ts';
import { compareTools, toolsAdvice, toolsTrouble } from '../tools/compare.ts';
import { type BringUpOptions, bringUp } from './bring-up.ts';
import { resultLines } from './up-result.ts';

export interface UpOptions extends BringUpOptions {
  readonly set?: readonly string[];
  readonly setSecret?: readonly string[];
  readonly unset?: readonly string[];
  readonly json: boolean;
}

/** Makes the stack what its settings say, from whatever is there, and proves that it works. */
export async function up(project: string, options: UpOptions): Promise<void> {
  const started = performance.now();
  const { stack } = options;
  const files = stackFiles(project, stack);
  const changes = parseChanges(options);
  let secrets: ReadonlyMap<string, string> = new Map();
  const change = {
    command: 'up',
    json: options.json,
    whenInterrupted: [
      `Go on where it stopped: ${commandFor(stack, 'up')}`,
      `Or remove what was made: ${commandFor(stack, 'down')}`,
    ],
    ask: async () => {
      secrets = await readSecrets(changes.secrets);
    },
  } as const;
  await changeStack(files, change, async (context) => {
    const { display, signal } = context;
    const passphrase = (await readPassphrase(files, process.env, { make: true })) ?? '';
    const config = await StackConfig.read(files, passphrase);
    await applyChanges(config, changes, secrets, display);
    const { summary, engine, access, endpoint, running } = await bringUp(
      config,
      passphrase,
      options,
      context,
    );
    const tools = await compareTools(project, running);
    const trouble = tools && toolsTrouble(tools);
    if (trouble) display.warn([`${trouble}.`, ...toolsAdvice(stack)].join('\n  '));
    // The MCP SDK takes a while to load: only here, where it is needed.
    const { prove } = await import('./prove.ts');
    const demo = config.get('demo') === 'true';
    const proof = endpoint && (await prove({ ...endpoint, demo, display, signal }));

    const durationMs = Math.round(performance.now() - started);
    const { url, ca } = access;
    const result = { mcpUrl: url, summary, tools, proof, durationMs };
    display.json({ kind: 'result', ok: true, stack, ...result });
    display.text(
      resultLines({
        stack,
        url,
        durationMs,
        remote:
          running.platform === 'containers' && isRemote(engine.address)
            ? engine.address.url
            : undefined,
        ownAuthority: ca !== undefined,
        unresolved: endpoint?.address,
        trial: options.trial,
      }),
    );
  });
}

/** Keeps what the command line and DREMIO_PASSWORD say, whatever becomes of the rest of the run. */
async function applyChanges(
  config: StackConfig,
  changes: Changes,
  secrets: ReadonlyMap<string, string>,
  display: Display,
): Promise<void> {
  await config.change(changes, secrets);
  const password = process.env.DREMIO_PASSWORD;
  const wanted = password !== undefined && password !== '' && config.has('dremioUrl');
  if (wanted && (await config.getSecret('dremioPassword')) !== password) {
    await config.setSecret('dremioPassword', password);
    display.note(
      'The password in DREMIO_PASSWORD is now the secret setting dremioPassword of this stack, encrypted.',
    );
  }
  await config.save();
}
