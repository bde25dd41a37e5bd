/** Lines of one turn of the event loop, written with one call of the system instead of one each. */

export interface LineSink {
  write(text: string): unknown;
}

export class GatheredLines implements LineSink {
  readonly #sink: LineSink;
  #gathered = '';

  /** `sink` should write before it returns, as standard output does while it is read: then no exit loses a line. */
  constructor(sink: LineSink) {
    this.#sink = sink;
    process.on('exit', () => this.#flush());
  }

  write(line: string): void {
    if (this.#gathered === '') setImmediate(() => this.#flush());
    this.#gathered += line;
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') this.#sink.write(text);
  }
}
