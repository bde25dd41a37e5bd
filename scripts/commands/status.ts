import { EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { recordedEngine } from '../engine/choose.ts';
import { openSession } from '../session.ts';
import {
  isComplete,
  isReady,
  type ServiceStatus,
  type StackStatus,
  stackStatus,
  type TokenStatus,
  type TokenTrouble,
} from '../stack/stack-status.ts';
import { formatDuration } from '../terminal/duration.ts';
import { type Style, styleFor } from '../terminal/style.ts';
import { printable, tableLines } from '../terminal/table.ts';

export interface StatusOptions {
  readonly stack: string;
  readonly json: boolean;
}

/** Prints what runs and how it is. @returns the exit code: 0 when all is ready, 4 when not */
export async function status(project: string, options: StatusOptions): Promise<number> {
  const { config, docker, engine, files } = await openSession(project, options.stack);
  const found = await stackStatus(docker, options.stack);
  const ready = isReady(found);
  const url = `http://127.0.0.1:${config.get('mcpPort')}/mcp`;
  const head = {
    stack: options.stack,
    ready,
    mcpUrl: url,
    madeWith: (await recordedEngine(files)) ?? null,
    docker: { address: engine.address.url, version: engine.version, platform: engine.platform },
  };
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ...head, ...found }, undefined, 2)}\n`);
  else
    process.stdout.write(
      `${statusLines(head, found, styleFor(process.stdout), new Date()).join('\n')}\n`,
    );
  return ready ? EXIT.ok : EXIT.notReady;
}

interface Head {
  readonly stack: string;
  readonly ready: boolean;
  readonly mcpUrl: string;
  readonly madeWith: string | null;
  readonly docker: { readonly address: string; readonly version: string };
}

/** The report for people. */
export function statusLines(head: Head, status: StackStatus, style: Style, now: Date): string[] {
  const { services, token, child } = status;
  if (services.length === 0)
    return [
      `The stack "${head.stack}" has no containers on the engine at ${head.docker.address}.`,
      `Deploy it: ${commandFor(head.stack, 'up')}`,
    ];
  const fact = (name: string, text: string) => `${name.padEnd(12)}${text}`;
  const rows = services.map((service) => [
    service.component,
    stateText(service, style),
    since(service.startedAt, now),
    String(service.restarts),
    service.ports.join(', ') || '-',
    imageText(service),
  ]);
  return [
    fact('Stack', `${head.stack}, ${head.ready ? style.good('ready') : style.bad('not ready')}`),
    fact('MCP URL', head.mcpUrl),
    fact(
      'Engine',
      `Docker ${head.docker.version} at ${head.docker.address}, stack made with ${head.madeWith ?? 'an engine that is not recorded here'}`,
    ),
    ...(child === null
      ? []
      : [
          fact('MCP server', child === 'running' ? style.good(child) : style.bad(printable(child))),
        ]),
    ...(token === null
      ? []
      : tokenFacts(token, style, now).map(([name, text]) => fact(name, text))),
    '',
    ...tableLines(['Service', 'State', 'Up for', 'Restarts', 'Published', 'Image'], rows, {
      rule: true,
      right: new Set([3]),
    }),
    ...services.flatMap((service) => troubleLines(service, style, now)),
    ...(isComplete(status)
      ? []
      : [
          '',
          `The proxy is missing, so nothing serves the URL. Complete the stack: ${commandFor(head.stack, 'up')}`,
        ]),
  ];
}

/** Name and text of each line about the token; a line without a name goes on with the one before. */
function tokenFacts(token: TokenStatus, style: Style, now: Date): [string, string][] {
  const { loginFailure, writeFailure } = token;
  return [
    ['Token', lifeText(token, style)],
    ...(loginFailure === null ? [] : troubleFacts('Login', loginFailure, style, now)),
    ...(writeFailure === null ? [] : troubleFacts('Write', writeFailure, style, now)),
  ];
}

function lifeText({ secondsLeft, refreshAt, loginFailure }: TokenStatus, style: Style): string {
  if (secondsLeft === null) return style.bad('none yet');
  if (secondsLeft <= 0) return style.bad('expired');
  const left = `${formatDuration(secondsLeft * 1000)} left`;
  return refreshAt === null || loginFailure !== null ? left : `${left}, next login at ${refreshAt}`;
}

function troubleFacts(
  name: string,
  trouble: TokenTrouble,
  style: Style,
  now: Date,
): [string, string][] {
  const { class: code, message, times, since: first, nextTryAt } = trouble;
  const tries = times === 1 ? 'once' : `${times} times`;
  const span = first === null || times === 1 ? '' : ` in ${since(first, now)}`;
  return [
    [name, `${style.bad('fails')} (${printable(code)}, ${tries}${span}): ${printable(message)}`],
    ...(nextTryAt === null
      ? []
      : [['', `next try ${until(nextTryAt, now)}`] satisfies [string, string]]),
  ];
}

function stateText(service: ServiceStatus, style: Style): string {
  if (service.state !== 'running') {
    const why = service.outOfMemory ? 'out of memory' : `exit code ${service.exitCode}`;
    return style.bad(service.state === 'exited' ? `exited (${why})` : service.state);
  }
  return service.ready ? style.good('ready') : style.bad('not ready');
}

function troubleLines(service: ServiceStatus, style: Style, now: Date): string[] {
  const lines = service.reasons.map(
    ({ message }) => `  ${style.bad('not ready')}: ${printable(message)}`,
  );
  const { lastError } = service;
  if (lastError !== null) {
    const detail = lastError.detail === '' ? '' : `: ${printable(lastError.detail)}`;
    lines.push(
      `  last ${lastError.level === 'warn' ? 'warning' : 'error'}, ${since(lastError.time, now)} ago: ${printable(lastError.event)}${detail}`,
    );
  }
  return lines.length === 0 ? [] : ['', service.component, ...lines];
}

function imageText({ image, imageTags }: ServiceStatus): string {
  return imageTags[0] ?? image.replace('sha256:', '').slice(0, 12);
}

function since(time: string, now: Date): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? '-' : formatDuration(Math.max(0, now.getTime() - at));
}

function until(time: string, now: Date): string {
  const left = Date.parse(time) - now.getTime();
  return left > 0 ? `in ${formatDuration(left)}, at ${time}` : 'now';
}
