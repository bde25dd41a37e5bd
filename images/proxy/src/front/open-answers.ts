/** The answers under way, by the key that they were asked with: when a key is removed, what it opened is cut. */
import type { ServerResponse } from 'node:http';
import { Roster } from '../../../kit/src/roster.ts';
import type { Access } from './keys.ts';

export class OpenAnswers {
  readonly #open = new Map<Access, Roster<ServerResponse>>();

  add(access: Access, response: ServerResponse): void {
    const answers = this.#open.get(access) ?? new Roster();
    this.#open.set(access, answers);
    answers.add(response);
    response.once('close', () => {
      answers.delete(response);
      if (answers.size === 0 && this.#open.get(access) === answers) this.#open.delete(access);
    });
  }

  /** Breaks the connections of all answers to this key. */
  cut(access: Access): void {
    for (const response of this.#open.get(access) ?? []) response.destroy();
  }
}
