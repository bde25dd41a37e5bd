import { IMAGE_LOCK_NAME, type ImageLock } from '../../infra/image-lock.ts';
import type { Style } from '../terminal/style.ts';
import type { Outcome } from './outcome.ts';

/** What `npm run pin` says: an image in two lines, then what to do. */
export function report(
  outcomes: readonly Outcome[],
  lock: ImageLock,
  options: { readonly check: boolean; readonly command: string; readonly style: Style },
): string {
  const { check, command, style } = options;
  const differs = outcomes.some(isDifferent);
  const lines = outcomes.flatMap((outcome) => [
    `${check && isDifferent(outcome) ? style.bad('✗') : style.good('✓')} ${outcome.setting.padEnd(12)} ${outcome.reference}`,
    `  ${' '.repeat(12)} ${check ? finding(outcome) : change(outcome)}`,
  ]);
  const used = new Set(outcomes.map(({ reference }) => reference));
  const others = [...lock.keys()].filter((reference) => !used.has(reference));
  const verdict = check
    ? `${IMAGE_LOCK_NAME} is not what the registries serve. Take theirs: ${command}`
    : `Written to ${IMAGE_LOCK_NAME}; commit it.`;
  return [
    ...lines,
    ...(others.length === 0
      ? []
      : [`· Not used by this stack, and left as they are: ${others.join(', ')}`]),
    '',
    differs ? verdict : `${IMAGE_LOCK_NAME} is what the registries serve.`,
    '',
  ].join('\n');
}

/** Whether the lock does not say what the registry does. */
export const isDifferent = ({ state }: Outcome) => state === 'new' || state === 'moved';

function finding(outcome: Outcome): string {
  switch (outcome.state) {
    case 'by content':
      return 'names its content itself';
    case 'same':
      return `${outcome.now}, as pinned`;
    case 'new':
      return `is not pinned; the registry serves ${outcome.now}`;
    case 'moved':
      return `is pinned to ${outcome.before}; the registry now serves ${outcome.now}`;
  }
}

function change(outcome: Outcome): string {
  switch (outcome.state) {
    case 'new':
      return `pinned to ${outcome.now}`;
    case 'moved':
      return `pinned to ${outcome.now}; it was ${outcome.before}`;
    default:
      return finding(outcome);
  }
}
