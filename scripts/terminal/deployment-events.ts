import type { EngineEvent } from '../engine/deployment.ts';
import type { Display, Task } from './tasks.ts';

/** What was done to a resource, as people say it. */
const DONE = {
  create: 'created',
  same: 'unchanged',
  update: 'updated',
  replace: 'replaced',
  delete: 'deleted',
} as const;

/** Kinds of resources that users know; the others are the program's own bookkeeping. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^docker:index\/image:/, 'image'],
  [/^docker:index\/remoteImage:/, 'image'],
  [/^docker:index\/container:/, 'container'],
  [/^docker:index\/network:/, 'network'],
  [/^docker:index\/volume:/, 'volume'],
  [/^docker:index\/secret:/, 'secret'],
  [/^docker:index\/service:/, 'service'],
  [/^random:index\//, 'secret'],
  [/^tls:index\//, 'certificate'],
];

/** The word for a resource's type, or `undefined` for stacks, providers and components. */
export function kindOf(type: string): string | undefined {
  return KINDS.find(([pattern]) => pattern.test(type))?.[1];
}

/** Shows the events of a deployment as tasks below the current one, and as they are in the JSON form. */
export function showEvents(display: Display): (event: EngineEvent) => void {
  const tasks = new Map<string, Task>();
  return (event) => {
    if (event.kind !== 'message') display.json({ ...event });
    switch (event.kind) {
      case 'start': {
        const kind = kindOf(event.type);
        if (kind !== undefined) tasks.set(event.urn, display.task(`${kind} ${event.name}`, 1));
        return;
      }
      case 'progress':
        tasks.get(event.urn)?.progress(event.message);
        return;
      case 'done':
        if (event.operation === 'same') tasks.get(event.urn)?.same(DONE.same);
        else tasks.get(event.urn)?.done(DONE[event.operation]);
        tasks.delete(event.urn);
        return;
      case 'failed':
        tasks.get(event.urn)?.failed(event.message.split('\n')[0] ?? '');
        tasks.delete(event.urn);
        return;
      case 'message':
        showMessage(display, event);
    }
  };
}

/** Shows what is said in a run of which the steps are told in another way. */
export function showMessages(display: Display): (event: EngineEvent) => void {
  return (event) => {
    if (event.kind === 'message') showMessage(display, event);
  };
}

function showMessage(
  display: Display,
  { severity, message }: Extract<EngineEvent, { kind: 'message' }>,
): void {
  if (severity === 'info') display.note(message);
  else display.warn(message);
}
