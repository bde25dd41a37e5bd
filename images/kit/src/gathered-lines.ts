/** Lines of a few milliseconds, written with one call of the system instead of one each. */

export interface LineSink {
  write(text: string): unknown;
}

/** Each write wakes whoever reads the log: without this pause a busy proxy answers a fifth fewer calls. */
const PAUSE_MS = 10;
/** What a pipe takes at once (pipe(7)). */
const MOST_CHARACTERS = 64 * 1024;

export class GatheredLines implements LineSink {
  readonly #sink: LineSink;
  #gathered = '';

  /** `sink` should write before it returns, as standard output does while it is read: then no exit loses a line. */
  constructor(sink: LineSink) {
    this.#sink = sink;
    process.on('exit', () => this.#flush());
  }

  write(line: string): void {
    if (this.#gathered === '') setTimeout(() => this.#flush(), PAUSE_MS).unref();
    this.#gathered += line;
    if (this.#gathered.length >= MOST_CHARACTERS) this.#flush();
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') this.#sink.write(text);
  }
}
