/** Errors of the Engine API as docker-modem throws them. */

/** The HTTP status of the engine's answer, or undefined when the error is not an answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The engine's own words. */
export function messageOf(error: unknown): string {
  const answer = (error as { json?: unknown } | undefined)?.json;
  if (typeof answer === 'object' && answer !== null && 'message' in answer) {
    return String(answer.message);
  }
  // Where the answer is a stream, docker-modem has put the words behind its own.
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}

/** The result, or undefined when the engine says that there is no such thing. */
export async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Tries again while the engine answers 409 (something still uses the resource), up to a deadline. */
export async function whileInUse<T>(attempt: () => Promise<T>, deadlineMs = 10_000): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (![403, 409].includes(statusOf(error) ?? 0) || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
