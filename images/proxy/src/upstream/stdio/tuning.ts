/** What one child has been told of its sessions' settings, and how it is brought to what they are now. */
import { errorText, type Logger } from '../../../../kit/src/logger.ts';
import type { JsonObject } from '../../jsonrpc/message.ts';
import { Catalogue } from '../catalogue.ts';
import type { Child } from './child.ts';
import type { Members } from './members.ts';

export class Tuning {
  /** The place in its pool, which its successor takes over with its subscriptions. */
  readonly slot: number;
  readonly catalogue = new Catalogue();
  /** Resources that the child watches. */
  readonly watched = new Set<string>();
  level: string | undefined;
  /** Changes come one after the other. */
  queue: Promise<unknown> = Promise.resolve();
  readonly #listed = new Set<string>();

  constructor(slot: number) {
    this.slot = slot;
  }

  /** True when this child was not asked for this list before. */
  firstTime(method: string): boolean {
    const first = !this.#listed.has(method);
    this.#listed.add(method);
    return first;
  }
}

/** The tunings of children that serve the same sessions. */
export class Tunings {
  readonly #members: Members;
  readonly #log: Logger;
  readonly #all = new WeakMap<Child, Tuning>();

  constructor(members: Members, log: Logger) {
    this.#members = members;
    this.#log = log;
  }

  add(child: Child, slot: number): void {
    this.#all.set(child, new Tuning(slot));
  }

  of(child: Child): Tuning {
    const tuning = this.#all.get(child);
    if (!tuning) throw new Error('a child of another scope');
    return tuning;
  }

  /** Tells a child what it does not know yet; resolves with what it refused, never rejects. */
  tune(child: Child): Promise<unknown> {
    const tuning = this.of(child);
    tuning.queue = tuning.queue.then(async () => {
      const refusal = await tuneNow(child, tuning, this.#members);
      if (refusal && child.alive)
        this.#log.warn('child_refused_setting', { error: errorText(refusal) });
      return refusal;
    });
    return tuning.queue;
  }
}

/** Gives the first refusal; one setting that is refused keeps no other from the child. */
async function tuneNow(child: Child, tuning: Tuning, members: Members): Promise<unknown> {
  const refusals: unknown[] = [];
  const tell = (method: string, params: JsonObject) =>
    child.ask(method, params).catch((error: unknown) => refusals.push(error));
  const level = members.level();
  if (level !== undefined && level !== tuning.level) {
    tuning.level = level;
    await tell('logging/setLevel', { level });
  }
  const wanted = members.watched(tuning.slot);
  for (const uri of wanted) {
    if (tuning.watched.has(uri)) continue;
    tuning.watched.add(uri);
    await tell('resources/subscribe', { uri });
  }
  for (const uri of [...tuning.watched]) {
    if (wanted.includes(uri)) continue;
    tuning.watched.delete(uri);
    await tell('resources/unsubscribe', { uri });
  }
  return refusals[0];
}
