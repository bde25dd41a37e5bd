import { commandFor } from '../command-words.ts';
import { clientSettings } from '../mcp/client-settings.ts';
import { formatDuration } from '../terminal/duration.ts';
import { styleFor } from '../terminal/style.ts';

/** What `up` prints at its end: the URL, how to read the key, settings to paste, what to do next. */
export function resultLines(result: {
  stack: string;
  url: string;
  durationMs: number;
  /** Address of the engine when the URL is on the loopback address of another machine. */
  remote: string | undefined;
  /** Whether the stack made the authority behind its certificate itself. */
  ownAuthority: boolean;
  /** Address that was called because DNS does not know the URL's name here. */
  unresolved: string | undefined;
  /** Whether this is a production stack that the runner made. */
  trial: boolean;
}): string[] {
  const { stack, url, durationMs, remote, ownAuthority, unresolved, trial } = result;
  const style = styleFor(process.stdout);
  const quiet = (command: string, words: string) =>
    commandFor(stack, command, words).replace('npm run', 'npm run -s');
  const next = (command: string, words: string, what: string) =>
    `  ${commandFor(stack, command, words).padEnd(44)} ${style.dim(what)}`;
  const settings = clientSettings(url).flatMap(({ client, where, text }) => [
    '',
    `  ${style.bold(client)} ${style.dim(`(${where})`)}`,
    '',
    ...text.split('\n').map((line) => `    ${line}`),
  ]);
  return [
    '',
    `  ${style.bold('Settings for MCP clients')}, with the key in place of ${style.bold('<key>')}:`,
    ...settings,
    '',
    `  ${style.bold('Next')}`,
    '',
    next('query', "'SELECT 1'", 'ask something'),
    next('status', '', 'what runs, and how the token is'),
    next('logs', 'proxy --follow', 'what a service says'),
    next('down', '', 'remove it again'),
    '',
    ...(remote === undefined ? [] : [...remoteLines(url, remote), '']),
    ...(unresolved === undefined ? [] : [...nameLines(url, unresolved), '']),
    ...(trial
      ? [
          '  This is a trial: made by the runner, to look at. For production use the Pulumi CLI.',
          '',
        ]
      : []),
    `  ${style.good(`Ready in ${formatDuration(durationMs)}.`)}`,
    '',
    `  MCP URL   ${style.bold(style.accent(url))}`,
    `  Key       ${quiet('output', 'mcpKeys --show-secrets')}`,
    ...(ownAuthority
      ? [
          `  CA        ${quiet('output', 'caCertificate')} > ca.pem`,
          `            ${style.dim('clients must trust it; those on Node by NODE_EXTRA_CA_CERTS=ca.pem')}`,
        ]
      : []),
    '',
  ];
}

function nameLines(url: string, address: string): string[] {
  const { hostname } = new URL(url);
  return [
    `  DNS does not know ${hostname} here, so ${address} was called in its place. Clients need the name:`,
    `  add it to your DNS with the address of the node that the edge is on.`,
  ];
}

function remoteLines(url: string, remote: string): string[] {
  const { port } = new URL(url);
  const { username, hostname } = new URL(remote);
  const target = username === '' ? hostname : `${username}@${hostname}`;
  return [
    `  The Docker engine is on ${hostname}, so the URL is on the loopback address there and was not tried from here.`,
    `  Reach it with: ssh -N -L ${port}:127.0.0.1:${port} ${target}`,
  ];
}
