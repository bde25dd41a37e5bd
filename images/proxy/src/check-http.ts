/** `proxy check` before a remote server: opens a session with it, looks at its tools, and ends the session. */
import { systemClock } from '../../kit/src/clock.ts';
import { createLogger } from '../../kit/src/logger.ts';
import { openHttpBackend } from './backend-http.ts';
import type { HttpChoice } from './choice.ts';
import { type Finding, ok, wrong } from './finding.ts';
import type { ProxySettings } from './settings.ts';
import { readArguments, type ToolArguments } from './upstream/http/arguments-file.ts';
import { FixedArguments } from './upstream/http/fixed-arguments.ts';
import { readHeaders } from './upstream/http/headers-file.ts';
import type { Link } from './upstream/http/link.ts';
import { SHORTEST_CREDENTIAL } from './upstream/http/redactor.ts';
import type { ToolInputs } from './upstream/http/tool-inputs.ts';
import { catalogueDigest } from './upstream/tool-digests.ts';

const TIMEOUT_MS = 5_000;
/** Servers name themselves, and their tools, as they like. */
const LONGEST_NAME = 100;

/** Looks at one thing after the other. @throws NamedFileError when a file cannot be used */
export async function* checkHttp(
  settings: ProxySettings,
  choice: HttpChoice,
): AsyncGenerator<Finding> {
  const { upstreamHeadersFile, upstreamArgumentsFile } = settings;
  const silent = { write: () => {} };
  await using backend = await openHttpBackend({
    settings,
    choice,
    clientInfo: { name: 'lakehouse-mcp', version: 'check' },
    clock: systemClock,
    log: createLogger({ service: 'proxy', level: 'error', destination: silent }),
    onAnswer: () => {},
  });
  const link = await backend.upstream.tryOnce(TIMEOUT_MS);
  if (!link) {
    const why = backend.reasons().map(({ message }) => message);
    yield wrong('server', `opens no session at ${choice.url.origin}: ${why.join('; ')}`);
    return;
  }
  yield ok('server', `opens a session at ${choice.url.origin}: ${describe(link, choice)}`);
  if (upstreamHeadersFile !== undefined)
    yield ok('headers', namesOf(Object.keys(await readHeaders(upstreamHeadersFile))));
  yield ok('tools', namesOf(link.tools.names));
  const digest = catalogueDigest(link.tools.digests);
  if (digest !== undefined) yield ok('tools', digest);
  if (upstreamArgumentsFile !== undefined)
    yield* checkArguments(await readArguments(upstreamArgumentsFile), link.tools);
}

function describe({ handshake, hasSession }: Link, { url }: HttpChoice): string {
  const { name, version } = handshake.serverInfo;
  const parts = [
    short(`${String(name ?? 'a server without a name')} ${String(version ?? '')}`.trim()),
    `revision ${handshake.protocolVersion}`,
    hasSession ? 'keeps sessions' : 'keeps no sessions',
    url.protocol === 'https:' ? 'with TLS' : 'without TLS',
  ];
  return parts.join(', ');
}

/** Which tools get which of the operator's arguments, and what is there for nothing. */
function* checkArguments(given: ToolArguments, tools: ToolInputs): Generator<Finding> {
  const fixed = new FixedArguments(given);
  for (const [argument, takers] of fixed.takers(tools))
    yield ok('arguments', `${argument} to ${namesOf(takers)}`);
  const values = [given.all, ...given.byTool.values()].flatMap(Object.entries);
  const names = values.flatMap(([argument, value]) =>
    typeof value === 'string' && value.length < SHORTEST_CREDENTIAL ? [argument] : [],
  );
  if (names.length > 0)
    yield ok(
      'arguments',
      `${namesOf([...new Set(names)])}: below ${SHORTEST_CREDENTIAL} characters, so taken for no secret, and left where the server quotes it`,
    );
  for (const why of fixed.unused(tools)) yield wrong('arguments', why);
}

/** On one line, whatever a server calls itself. */
const short = (text: string) => text.replaceAll(/\p{Cc}/gu, ' ').slice(0, LONGEST_NAME);
const namesOf = (names: readonly string[]) =>
  names.length === 0 ? 'none' : names.map(short).join(', ');
