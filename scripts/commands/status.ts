import { EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { openDeployment, recordedEngine } from '../engine/choose.ts';
import { checkEdge } from '../mcp/edge.ts';
import type { Endpoint } from '../mcp/endpoint.ts';
import { fromHere, openSession, type Session } from '../session.ts';
import {
  isReady,
  missingComponents,
  type ServiceStatus,
  type StackStatus,
  stackStatus,
  type TokenStatus,
  type TokenTrouble,
} from '../stack/stack-status.ts';
import { formatDuration } from '../terminal/duration.ts';
import { quietDisplay } from '../terminal/quiet.ts';
import { type Style, styleFor } from '../terminal/style.ts';
import { printable, tableLines } from '../terminal/table.ts';
import { compareTools, type ToolsFinding, toolsAdvice, toolsTrouble } from '../tools/compare.ts';
import { TOOLS_LOCK } from '../tools/lock.ts';
import { imageText, since, stateText } from './status-words.ts';
import { edgeFacts, swarmTables } from './swarm-status.ts';

export interface StatusOptions {
  readonly stack: string;
  readonly json: boolean;
}

/** Prints what runs and how it is. @returns the exit code: 0 when all is ready, 4 when not */
export async function status(project: string, options: StatusOptions): Promise<number> {
  const session = await openSession(project, options.stack);
  const { config, engine, files, running } = session;
  const url = await urlOf(session);
  const endpoint = url === undefined ? undefined : await fromHere(url, running, engine.address);
  const hasEdge = running.platform === 'swarm' && endpoint !== undefined;
  const found = await stackStatus(running, hasEdge ? () => checkEdge(endpoint) : undefined);
  const ready = isReady(found);
  const head = {
    stack: options.stack,
    ready,
    tools: await compareTools(project, running),
    mcpUrl: url?.url ?? `http://127.0.0.1:${config.get('mcpPort')}/mcp`,
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

/**
 * The URL that the last `up` gave, with the authority behind its certificate. Plain containers need no question to
 * the engine of deployment for it; a stack that was never up has none.
 */
async function urlOf(session: Session): Promise<Endpoint | undefined> {
  const { config, running } = session;
  if (running.platform === 'containers')
    return { url: `http://127.0.0.1:${config.get('mcpPort')}/mcp` };
  const { signal } = new AbortController();
  const deployment = await openDeployment({
    files: session.files,
    passphrase: session.passphrase,
    docker: session.engine.options,
    display: quietDisplay(),
    signal,
  });
  const { mcpUrl, caCertificate } = (await deployment?.outputs()) ?? {};
  if (typeof mcpUrl?.value !== 'string') return undefined;
  const ca = caCertificate?.value;
  return { url: mcpUrl.value, ...(typeof ca === 'string' ? { ca } : {}) };
}

interface Head {
  readonly stack: string;
  readonly ready: boolean;
  readonly tools: ToolsFinding | null;
  readonly mcpUrl: string;
  readonly madeWith: string | null;
  readonly docker: { readonly address: string; readonly version: string };
}

/** The report for people. */
export function statusLines(head: Head, status: StackStatus, style: Style, now: Date): string[] {
  const { services, swarm, edge, token, child } = status;
  if (services.length === 0 && (swarm?.services ?? []).length === 0)
    return [
      `The stack "${head.stack}" has nothing on the engine at ${head.docker.address}.`,
      `Deploy it: ${commandFor(head.stack, 'up')}`,
    ];
  const fact = (name: string, text: string) => `${name.padEnd(12)}${text}`;
  const missing = missingComponents(status);
  return [
    fact('Stack', `${head.stack}, ${head.ready ? style.good('ready') : style.bad('not ready')}`),
    fact('MCP URL', head.mcpUrl),
    ...(edge === null ? [] : edgeFacts(edge, style)).map(([name, text]) => fact(name, text)),
    fact(
      'Engine',
      `Docker ${head.docker.version} at ${head.docker.address}, stack made with ${head.madeWith ?? 'an engine that is not recorded here'}`,
    ),
    ...(child === null
      ? []
      : [
          fact('MCP server', child === 'running' ? style.good(child) : style.bad(printable(child))),
        ]),
    ...(head.tools === null ? [] : [fact('Tools', toolsText(head.tools, head.stack, style))]),
    ...(token === null
      ? []
      : tokenFacts(token, style, now).map(([name, text]) => fact(name, text))),
    '',
    ...(swarm === null ? containerTable(services, style, now) : swarmTables(status, style, now)),
    ...services.flatMap((service) => troubleLines(service, style, now)),
    ...(missing.length === 0
      ? []
      : [
          '',
          `The ${missing.join(' and the ')} ${missing.length === 1 ? 'is' : 'are'} missing, so nothing serves the URL. Complete the stack: ${commandFor(head.stack, 'up')}`,
        ]),
  ];
}

function toolsText(tools: ToolsFinding, stack: string, style: Style): string {
  const trouble = toolsTrouble(tools);
  if (trouble === undefined) return `as pinned in ${TOOLS_LOCK}`;
  return [style.warning(trouble), ...toolsAdvice(stack)].join(`\n${' '.repeat(12)}`);
}

function containerTable(services: readonly ServiceStatus[], style: Style, now: Date): string[] {
  const rows = services.map((service) => [
    service.component,
    stateText(service, style),
    since(service.startedAt, now),
    String(service.restarts),
    service.ports.join(', ') || '-',
    imageText(service),
  ]);
  return tableLines(['Service', 'State', 'Up for', 'Restarts', 'Published', 'Image'], rows, {
    rule: true,
    right: new Set([3]),
  });
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
  const { component, node } = service;
  return lines.length === 0
    ? []
    : ['', node === null ? component : `${component} on ${node}`, ...lines];
}

function until(time: string, now: Date): string {
  const left = Date.parse(time) - now.getTime();
  return left > 0 ? `in ${formatDuration(left)}, at ${time}` : 'now';
}
