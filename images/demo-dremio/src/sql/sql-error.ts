/** A statement that fails: its message becomes the job's `errorMessage`, which clients show to people and models. */
export class SqlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SqlError';
  }
}

export const parsingFailure = (detail: string): SqlError =>
  new SqlError(`Failure parsing the query.\n\n${detail}`);

/** Where a statement goes wrong, in the words of Dremio's parser. */
export function encountered(sql: string, { text, start }: { text: string; start: number }): string {
  const before = sql.slice(0, start).split('\n');
  return `Encountered "${text}" at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}.`;
}
