/** Whether the refreshers have logged in with a new password: asked of them, not taken for granted. */
import { CommandError, EXIT } from '../command-error.ts';
import { commandFor } from '../command-words.ts';
import { askOperations } from '../stack/operations.ts';
import type { RunningStack } from '../stack/running.ts';
import { type TokenStatus, tokenStatusOf } from '../stack/stack-status.ts';
import type { Display } from '../terminal/tasks.ts';

/** A login takes 30 s at most. */
const LOGIN_MS = 60_000;
const PAUSE_MS = 500;

export type LoginOutcome =
  | { readonly is: 'done' }
  /** The token in use is from before, and nobody noted what it was got with. */
  | { readonly is: 'later'; readonly at: string }
  | { readonly is: 'refused'; readonly why: string }
  | { readonly is: 'waiting'; readonly why: string };

/** What a refresher that was started with the password says; pure. */
export function loginOutcome(status: TokenStatus | null): LoginOutcome {
  if (status === null) return { is: 'waiting', why: 'the refresher does not answer' };
  const { loginWanted, loginFailure, lastLoginAt, refreshAt } = status;
  if (loginWanted !== null)
    return loginFailure?.class === 'credentials_refused'
      ? { is: 'refused', why: loginFailure.message }
      : { is: 'waiting', why: loginFailure?.message ?? 'the login is under way' };
  return lastLoginAt === null ? { is: 'later', at: refreshAt ?? 'its end' } : { is: 'done' };
}

/**
 * Waits until every refresher that can be asked from here has logged in.
 * @returns what to tell the user
 * @throws CommandError (exit 4) when one cannot
 */
export async function loggedIn(running: RunningStack, display: Display): Promise<string[]> {
  const task = display.task('Login with the new password');
  const deadline = performance.now() + LOGIN_MS;
  for (;;) {
    const { outcomes, elsewhere } = await ask(running);
    const open = outcomes.find(({ is }) => is === 'refused' || is === 'waiting');
    if (open === undefined && outcomes.length + elsewhere > 0) {
      task.done();
      return told(outcomes, elsewhere, running.stack);
    }
    const why = open !== undefined && 'why' in open ? open.why : 'no refresher runs';
    if (open?.is === 'refused' || performance.now() > deadline) {
      task.failed();
      throw new CommandError(`The new password is deployed, and no login succeeded: ${why}`, {
        exitCode: EXIT.notReady,
        advice: [
          'Calls go on with the login token in use until that ends.',
          `See until when: ${commandFor(running.stack, 'status')}`,
          `With another password: ${commandFor(running.stack, 'rotate', 'dremio-password')}`,
        ],
      });
    }
    task.progress(why);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function ask(running: RunningStack) {
  const { instances } = await running.look();
  const refreshers = instances.filter(({ component }) => component === 'refresher');
  const here = refreshers.flatMap(({ container }) => (container === null ? [] : [container]));
  const outcomes = await Promise.all(
    here.map(async (container) => {
      const answer = await askOperations(running.docker, container, 'status');
      return loginOutcome(answer === undefined ? null : tokenStatusOf(answer.body));
    }),
  );
  return { outcomes, elsewhere: refreshers.length - here.length };
}

function told(outcomes: readonly LoginOutcome[], elsewhere: number, stack: string): string[] {
  const later = outcomes.find((one) => one.is === 'later');
  return [
    ...(later === undefined
      ? outcomes.length > 0
        ? ['The refresher has logged in with the new password.']
        : []
      : [
          `The refresher has the new password. The token in use is from before; the next login, with it, is due at ${later.at}.`,
        ]),
    ...(elsewhere === 0
      ? []
      : [
          `Refreshers on other nodes (${elsewhere}) cannot be asked from here: ${commandFor(stack, 'logs', 'refresher')}`,
        ]),
  ];
}
