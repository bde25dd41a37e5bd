/** What a handler answers; turned into bytes in one place. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const answer = (status: number, type: string, body: string): Answer => ({
  status,
  headers: { 'content-type': type },
  body,
});

/** JSON whose text is already made: results keep 64-bit integers and decimals exact that way. */
export const rawJson = (status: number, text: string): Answer =>
  answer(status, 'application/json;charset=UTF-8', text);

/** Fields whose value is undefined are left out, as Dremio's mapper does (NON_NULL). */
export const json = (status: number, value: unknown): Answer =>
  rawJson(status, JSON.stringify(value));

export const plain = (status: number, text: string): Answer =>
  answer(status, 'text/plain;charset=UTF-8', text);

export const html = (status: number, text: string): Answer =>
  answer(status, 'text/html;charset=UTF-8', text);

export const empty = (status: number): Answer => ({ status, headers: {}, body: '' });

/** A refusal in Dremio's error shape (GenericErrorMessage.java). */
export const failure = (status: number, errorMessage: string): Answer =>
  json(status, { errorMessage, moreInfo: '' });

/** Thrown by handlers to end a request with `answer`. */
export class Refusal extends Error {
  readonly answer: Answer;
  constructor(refused: Answer) {
    super(`refused with status ${refused.status}`);
    this.name = 'Refusal';
    this.answer = refused;
  }
}

export const refuse = (status: number, errorMessage: string): Refusal =>
  new Refusal(failure(status, errorMessage));
