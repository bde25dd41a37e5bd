/** The commands, their options and help. Each command's code is loaded only when it runs. */
import { fileURLToPath } from 'node:url';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { CommandError, codeOf, EXIT, messageOf } from './command-error.ts';
import { forStack } from './command-words.ts';
import { EXAMPLES, EXIT_CODES, ROTATE_HELP, UP_HELP } from './help.ts';
import { styleFor } from './terminal/style.ts';

const project = fileURLToPath(new URL('..', import.meta.url));
/** The stack that the command works on, for the commands in error texts. */
let stackName = 'dev';

const collect = (value: string, previous: readonly string[] = []) => [...previous, value];
const wholeNumber = (value: string) => {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(value);
};
const stack = () => new Option('--stack <name>', 'stack to work on').default('dev');
/** The options that change settings; `purpose` says what for. */
const withSettings = (command: Command, purpose: string) =>
  command
    .option(
      '--set <key=value>',
      `change a setting ${purpose}; key=@file takes a file (repeatable)`,
      collect,
    )
    .option(
      '--set-secret <key>',
      `change a secret setting ${purpose}: asked for, or read from stdin (repeatable)`,
      collect,
    )
    .option('--unset <key>', 'go back to the default of a setting (repeatable)', collect);
const engine = () =>
  new Option('--engine <engine>', 'engine of deployment for a new stack').choices([
    'pulumi',
    'local',
  ]);
const json = (what: string) => new Option('--json', what).default(false);

function program(): Command {
  const tool = new Command('lakehouse')
    .description(
      'Puts a data lakehouse behind one safe MCP URL: deploys the stack, looks after it, asks it.',
    )
    .usage('<command> [options]      or: npm run <command> -- [options]')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText('after', EXAMPLES + EXIT_CODES)
    .exitOverride()
    .showSuggestionAfterError(true);

  const up = tool
    .command('up')
    .description('deploy the stack, or bring it up to date, and prove that it works')
    .addOption(stack());
  withSettings(up, 'and keep it')
    .addOption(engine())
    .option('--trial', 'let the runner make a production stack, to try it out', false)
    .option('--no-install', 'install nothing on this machine: no dependencies, no Docker engine')
    .addOption(json('print progress and result as JSON lines, and nothing else'))
    .addHelpText('after', UP_HELP)
    .action(async (options) => (await import('./commands/up.ts')).up(project, options));

  const preview = tool
    .command('preview')
    .description('what up would change, judged by the rules; changes nothing')
    .addOption(stack());
  withSettings(preview, 'for this preview alone')
    .addOption(engine())
    .option('--expect-no-changes', 'fail when something would change', false)
    .addOption(json('print the changes as JSON lines'))
    .action(async (options) =>
      finish(await (await import('./commands/preview.ts')).preview(project, options)),
    );

  tool
    .command('rotate')
    .description('change a secret of a running stack, and measure what clients notice')
    .addArgument(
      new Argument('<what>', 'the secret').choices([
        'mcp-key',
        'dremio-password',
        'session-secret',
      ]),
    )
    .addOption(stack())
    .option('--finish', 'of mcp-key: end the old key', false)
    .addOption(json('print progress and result as JSON lines'))
    .addHelpText('after', ROTATE_HELP)
    .action(async (what, options) =>
      (await import('./commands/rotate.ts')).rotate(project, { ...options, what }),
    );

  tool
    .command('down')
    .description('remove the stack from the Docker engine')
    .addOption(stack())
    .option('--delete-data', 'also its volumes, settings, secrets and state', false)
    .option('--yes', 'do not ask before deleting data', false)
    .addOption(json('print progress and result as JSON lines'))
    .action(async (options) => (await import('./commands/down.ts')).down(project, options));

  tool
    .command('output')
    .description('print an output of the stack: mcpUrl, mcpKeys, clientConfig, caCertificate')
    .argument('[name]', 'one output, printed alone')
    .addOption(stack())
    .option('--show-secrets', 'show secret outputs', false)
    .addOption(json('print as JSON'))
    .action(async (name, options) =>
      (await import('./commands/output.ts')).output(project, { ...options, name }),
    );

  tool
    .command('status')
    .description('what runs, whether it is ready, life of the token, last error')
    .addOption(stack())
    .addOption(json('print as JSON'))
    .action(async (options) =>
      finish(await (await import('./commands/status.ts')).status(project, options)),
    );

  tool
    .command('query')
    .description('run a SQL statement through the MCP URL and print its rows')
    .argument('<sql>', 'the statement, in quotes')
    .addOption(stack())
    .addOption(json('print the rows as JSON'))
    .action(async (sql, options) =>
      (await import('./commands/query.ts')).query(project, { ...options, sql }),
    );

  tool
    .command('logs')
    .description('print what the services log')
    .argument('[component]', 'edge, proxy, refresher or demo; all when left out')
    .addOption(stack())
    .option('-f, --follow', 'go on as new lines come', false)
    .option('-n, --tail <lines>', 'newest lines of each service to begin with', wholeNumber, 100)
    .addOption(json('print the JSON lines as the services wrote them'))
    .action(async (component, options) =>
      (await import('./commands/logs.ts')).logs(project, { ...options, component }),
    );

  tool
    .command('doctor')
    .description('check everything that a deployment needs, and say what fixes each problem')
    .addOption(stack())
    .addOption(json('print the findings as JSON'))
    .action(async (options) =>
      finish(await (await import('./commands/doctor.ts')).doctor(project, options)),
    );

  tool
    .command('pin')
    .description('pin the images of others, or the tools of the MCP server, to their content')
    .addOption(
      new Option('--stack <name>', 'stack whose images or tools are pinned').default('prod'),
    )
    .option('--check', 'only compare with the lock; exit code 1 when it differs', false)
    .option('--tools', 'pin the tools that the running stack offers instead of images', false)
    .addOption(json('print what was found as JSON'))
    .action(async ({ tools, ...options }) =>
      finish(
        tools
          ? await (await import('./pin/pin-tools.ts')).pinTools(project, options)
          : await (await import('./pin/pin.ts')).pin(project, options),
      ),
    );

  tool
    .command('sbom')
    .description('list what is in each of our images, as CycloneDX files in sbom/ (needs syft)')
    .addOption(stack())
    .addOption(json('print the files as JSON'))
    .action(async (options) => (await import('./sbom/sbom.ts')).sbom(project, options));

  tool.hook('preAction', (_, command) => {
    stackName = command.opts().stack;
  });
  for (const command of tool.commands)
    command.exitOverride().helpOption('-h, --help', 'show this help');
  return tool;
}

function finish(code: number): void {
  process.exitCode = code;
}

/** Prints an error for people on stderr, and for machines on stdout where `--json` promises that. */
function fail(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  const known = error instanceof CommandError;
  const message = forStack(messageOf(error), stackName);
  const exitCode = known ? error.exitCode : EXIT.failed;
  const advice = (known ? error.advice : []).map((line) => forStack(line, stackName));
  const style = styleFor(process.stderr);
  process.stderr.write(`\n${style.bad(style.bold('Error:'))} ${message}\n`);
  for (const line of advice) process.stderr.write(`  ${line}\n`);
  if (!known && process.env.LAKEHOUSE_DEBUG && error instanceof Error)
    process.stderr.write(`${error.stack}\n`);
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ kind: 'error', message, advice, exitCode })}\n`);
  process.exit(exitCode);
}

// A reader that has seen enough (`| head`) must not stop a deployment midway.
process.stdout.on('error', (error) => {
  if (codeOf(error) !== 'EPIPE') throw error;
});
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
try {
  await program().parseAsync();
} catch (error) {
  fail(error);
}
