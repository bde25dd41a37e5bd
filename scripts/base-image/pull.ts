import type Docker from 'dockerode';
import { messageOf } from '../command-error.ts';

/** How long a pull may stay without any news, in ms. */
const SILENCE_MS = 25_000;

interface PullEvent {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

export async function isOnEngine(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getImage(name).inspect();
    return true;
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return false;
    throw error;
  }
}

/**
 * Pulls an image, saying how far it is. Gives up when nothing is heard for a while.
 * @returns why it did not work, in words; `undefined` when it did
 */
export async function pullImage(
  docker: Docker,
  name: string,
  options: { signal: AbortSignal; progress: (text: string) => void; silenceMs?: number },
): Promise<string | undefined> {
  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const quiet = new AbortController();
  const timer = setTimeout(() => quiet.abort(), silenceMs);
  const signal = AbortSignal.any([options.signal, quiet.signal]);
  try {
    const stream = await docker.pull(name, { abortSignal: signal });
    const layers = new Map<string, { current: number; total: number }>();
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      docker.modem.followProgress(
        stream,
        (error: Error | null) => (error ? reject(error) : resolve()),
        (event: PullEvent) => {
          timer.refresh();
          options.progress(describe(layers, event));
        },
      );
    });
    return undefined;
  } catch (error) {
    options.signal.throwIfAborted();
    if (quiet.signal.aborted) return `nothing was heard for ${silenceMs / 1000} s`;
    return shortReason(messageOf(error));
  } finally {
    clearTimeout(timer);
  }
}

function describe(
  layers: Map<string, { current: number; total: number }>,
  event: PullEvent,
): string {
  const { current, total } = event.progressDetail ?? {};
  if (event.id !== undefined && event.status === 'Downloading' && total !== undefined)
    layers.set(event.id, { current: current ?? 0, total });
  if (layers.size === 0) return event.status ?? '';
  const sum = (key: 'current' | 'total') =>
    [...layers.values()].reduce((all, layer) => all + layer[key], 0);
  const done = event.status === 'Extracting' ? 'unpacking' : 'pulling';
  return `${done}, ${megabytes(sum('current'))} of ${megabytes(sum('total'))} MB`;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

/** The engine wraps the cause in layers of words about HTTP; the last part says it. */
function shortReason(message: string): string {
  const cause = message.replace(/^\(HTTP code \d+\) [^-]+- /, '').trim();
  const network =
    /(no such host|connection refused|i\/o timeout|network is unreachable|certificate[^:]*)/.exec(
      cause,
    );
  const host = /https?:\/\/([^/"]+)/.exec(cause)?.[1];
  return network !== null && host !== undefined ? `${host}: ${network[1]}` : cause;
}
