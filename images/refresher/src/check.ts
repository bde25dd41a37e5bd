/**
 * `refresher check`: looks at everything the refresher needs, one thing after the other, and says in words what is
 * wrong. It changes nothing that a running refresher holds.
 */
import { readCertificates } from '../../kit/src/certificates.ts';
import { systemClock } from '../../kit/src/clock.ts';
import { errorText } from '../../kit/src/logger.ts';
import { readSecretFile } from '../../kit/src/secret-file.ts';
import type { Inspection, Values } from '../../kit/src/settings.ts';
import type { Failure } from './core/failure.ts';
import { refreshMargin } from './core/schedule.ts';
import { connectDremio, type Dremio } from './dremio.ts';
import { inspectFiles } from './inspect.ts';
import { policyOf, type refresherSettings } from './settings.ts';
import { createTokenStore } from './token-store.ts';

type Schema = typeof refresherSettings;

export interface Finding {
  readonly state: 'ok' | 'wrong' | 'skipped';
  readonly what: string;
  /** For people; never a secret. */
  readonly text: string;
}

/**
 * Looks at settings, files, Dremio and the token in the file; each finding comes as soon as it is known. Stops where
 * nothing further can be said.
 * @param login whether to log in once; that token is logged out again
 */
export async function* check(
  { values, problems }: Inspection<Schema>,
  login: boolean,
): AsyncGenerator<Finding> {
  if (problems.length > 0) yield* problems.map((text) => wrong('settings', text));
  else yield ok('settings', 'all are as they should be');
  const files = await inspectFiles(values);
  if (files.length > 0) yield* files.map((text) => wrong('files', text));
  else if (problems.length > 0) yield ok('files', 'those that are named can be used');
  else yield ok('files', 'password file, CA file and token folder can be used');
  if (problems.length > 0 || files.length > 0)
    yield skipped('Dremio', 'not asked while the above is wrong');
  else yield* checkDremio(values as Values<Schema>, login);
}

async function* checkDremio(settings: Values<Schema>, login: boolean): AsyncGenerator<Finding> {
  const { dremioUrl, dremioCaFile } = settings;
  const ca = dremioCaFile === undefined ? undefined : () => readCertificates(dremioCaFile);
  const dremio = connectDremio({ url: dremioUrl, ca, clock: systemClock });
  const failure = await dremio.status(new AbortController().signal);
  if (failure) {
    yield failed('Dremio', failure);
    return;
  }
  yield ok('Dremio', `serves at ${dremioUrl.origin}`);
  yield await checkToken(settings, dremio);
  if (login) yield await checkLogin(settings, dremio);
  else yield skipped('login', 'not tried; --login logs in once, and out again');
}

async function checkToken({ tokenFile }: Values<Schema>, dremio: Dremio): Promise<Finding> {
  const { file } = await createTokenStore(tokenFile).read();
  if (file.state === 'missing') return skipped('token', 'none in the file yet');
  if (file.state !== 'valid') return wrong('token', file.reason);
  const left = file.expiresAt - Date.now();
  if (left <= 0)
    return wrong('token', `the one in the file ended at ${new Date(file.expiresAt).toISOString()}`);
  const outcome = await dremio.probe(file.token, new AbortController().signal);
  const text = `${inWords(left)} left`;
  if (outcome === 'accepted') return ok('token', `${text}, and Dremio accepts it`);
  if (outcome === 'refused') return wrong('token', `${text}, but Dremio refuses it`);
  return wrong('token', `${text}; whether Dremio accepts it could not be found out (${outcome})`);
}

async function checkLogin(settings: Values<Schema>, dremio: Dremio): Promise<Finding> {
  const { signal } = new AbortController();
  const { dremioUsername: username, dremioPasswordFile } = settings;
  const password = await readSecretFile(dremioPasswordFile);
  const result = await dremio.login({ username, password }, signal);
  if (!result.ok) return failed('login', result.failure);
  const left = await dremio.logout(result.token, signal);
  const margin = inWords(refreshMargin(result.lifeMs, policyOf(settings)));
  const life = `"${username}" got a token for ${inWords(result.lifeMs)}, to be replaced ${margin} before its end`;
  return ok('login', left ? `${life}; it could not be logged out again (${left})` : life);
}

const ok = (what: string, text: string): Finding => ({ state: 'ok', what, text });
const wrong = (what: string, text: string): Finding => ({ state: 'wrong', what, text });
const skipped = (what: string, text: string): Finding => ({ state: 'skipped', what, text });
const failed = (what: string, failure: Failure) =>
  wrong(what, `${failure.message} [${failure.class}]`);

/** A duration with its two largest units: "23 h 4 min". */
function inWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? [[0, 's'] as const] : parts.slice(first, first + 2);
  return shown
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** What `refresher check` prints and how it ends: 0 when nothing is wrong, else 1. */
export async function runCheck(
  inspection: Inspection<Schema>,
  login: boolean,
  write: (line: string) => void,
): Promise<number> {
  let code = 0;
  try {
    for await (const { state, what, text } of check(inspection, login)) {
      if (state === 'wrong') code = 1;
      write(`${state.padEnd(8)}${what.padEnd(10)}${text}\n`);
    }
  } catch (error) {
    write(`${'wrong'.padEnd(8)}${'check'.padEnd(10)}it could not go on: ${errorText(error)}\n`);
    return 1;
  }
  return code;
}
