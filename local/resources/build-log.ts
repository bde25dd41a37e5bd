/** What a build says, of either builder: which step it is at, and what a failed step wrote. */

import { decodeTrace } from './buildkit-trace.ts';

/** One message of the stream that POST /build answers with. */
export interface BuildEvent {
  /** Output of the old builder. */
  stream?: string;
  error?: string;
  id?: string;
  /** With id `moby.buildkit.trace`: base64 of BuildKit's own message. */
  aux?: unknown;
}

/** How much of a failed step's output is shown: the cause stands at its head or at its end. */
const shownLines = { first: 20, last: 20 };

export class BuildLog {
  readonly #progress: (message: string) => void;
  readonly #announced = new Set<string>();
  /** Output by step; the old builder's is all under one. */
  readonly #output = new Map<string, string>();
  readonly #failed: string[] = [];
  #error: string | undefined;

  constructor(progress: (message: string) => void) {
    this.#progress = progress;
  }

  /** Why the build failed; undefined when it did not. */
  get error(): string | undefined {
    return this.#error;
  }

  read(event: BuildEvent): void {
    this.#error ??= event.error;
    if (event.stream !== undefined) {
      const title = /^Step \d+\/\d+ : .*/.exec(event.stream)?.[0];
      if (title !== undefined) this.#progress(title);
      this.#write('', event.stream);
    }
    if (event.id === 'moby.buildkit.trace' && typeof event.aux === 'string') {
      this.#readTrace(Buffer.from(event.aux, 'base64'));
    }
  }

  /** What the failed steps wrote, its middle left out when it is long. */
  failedOutput(): string {
    const failed = this.#failed.length > 0 ? this.#failed : [''];
    return failed
      .map((step) => this.#output.get(step)?.trim() ?? '')
      .filter((output) => output !== '')
      .flatMap((output) => shorten(output.split('\n')))
      .join('\n');
  }

  #readTrace(bytes: Uint8Array): void {
    const { steps, logs } = decodeTrace(bytes);
    for (const { id, name, error, started, completed } of steps) {
      // Steps in brackets such as [2/5] are the Dockerfile's; [internal] ones are BuildKit's own.
      if (started && !completed && /^\[(?!internal)/.test(name) && !this.#announced.has(id)) {
        this.#announced.add(id);
        this.#progress(name.replace(/\s+/g, ' '));
      }
      // The others are cancelled when one fails.
      if (error !== '' && !error.includes('context canceled')) this.#failed.push(id);
    }
    for (const { step, text } of logs) this.#write(step, text);
  }

  #write(step: string, text: string): void {
    this.#output.set(step, (this.#output.get(step) ?? '') + text);
  }
}

function shorten(lines: string[]): string[] {
  const { first, last } = shownLines;
  return lines.length <= first + last + 1
    ? lines
    : [...lines.slice(0, first), '…', ...lines.slice(-last)];
}
