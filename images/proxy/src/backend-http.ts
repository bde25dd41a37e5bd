/** A remote MCP server over Streamable HTTP, with what the files add to its requests. */
import { readCertificates } from '../../kit/src/certificates.ts';
import type { Backend, BackendOptions } from './backend.ts';
import type { HttpChoice } from './choice.ts';
import { NO_SECRETS, type Secrets } from './upstream/http/additions.ts';
import { readArguments } from './upstream/http/arguments-file.ts';
import { readHeaders } from './upstream/http/headers-file.ts';
import { HttpUpstream } from './upstream/http/http-upstream.ts';
import { WatchedFile } from './upstream/http/watched-file.ts';

/** How long a call waits for a server that cannot be reached; it may just be starting anew. */
const START_PATIENCE_MS = 10_000;
/** Each call holds a connection until it is answered. */
const MAX_IN_FLIGHT = 256;

export interface HttpBackend extends Backend {
  readonly upstream: HttpUpstream;
}

/** @throws NamedFileError when a file cannot be used */
export async function openHttpBackend(
  options: BackendOptions & {
    choice: HttpChoice;
    onAnswer(label: string, status: string, seconds: number): void;
  },
): Promise<HttpBackend> {
  await using started = new AsyncDisposableStack();
  const { settings, choice, clientInfo, clock, log, onAnswer } = options;
  let upstream: HttpUpstream | undefined;
  const watch = async <T>(path: string | undefined, read: (path: string) => Promise<T>) => {
    if (path === undefined) return undefined;
    const onChange = () => upstream?.use(secrets());
    const file = await WatchedFile.open({ path, read, clock, log, onChange });
    started.defer(() => file.close());
    return file;
  };
  const headers = await watch(settings.upstreamHeadersFile, readHeaders);
  const fixed = await watch(settings.upstreamArgumentsFile, readArguments);
  const secrets = (): Secrets => ({
    headers: headers?.value ?? NO_SECRETS.headers,
    arguments: fixed?.value ?? NO_SECRETS.arguments,
  });
  const { upstreamCaFile: ca } = settings;
  const server = new HttpUpstream(
    {
      url: choice.url,
      authorities: ca === undefined ? undefined : await readCertificates(ca),
      host: settings.upstreamHost,
      errorStatus: settings.upstreamErrorStatus,
      clientInfo,
      messageLimit: settings.messageLimit,
      startPatienceMs: START_PATIENCE_MS,
      maxInFlight: MAX_IN_FLIGHT,
      clock,
      log,
      onAnswer,
    },
    secrets(),
  );
  upstream = server;
  started.defer(() => server.stop());
  const parts = started.move();
  return {
    upstream: server,
    reasons: () => server.health(),
    children: () => ({ alive: 0, rss: 0, breakersOpen: 0 }),
    tokenSecondsLeft: () => undefined,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
