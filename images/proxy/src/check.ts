/**
 * `proxy check`: looks at everything the proxy needs, one thing after the other, and says in words what is wrong. It
 * changes nothing, starts no server and opens no port.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { request } from 'undici';
import { readCertificates } from '../../kit/src/certificates.ts';
import { errorText } from '../../kit/src/logger.ts';
import { codeOf, user } from '../../kit/src/named-file.ts';
import type { Inspection } from '../../kit/src/settings.ts';
import { readTokenFile, type Token } from '../../kit/src/token-file.ts';
import { checkUpstream, chooseUpstream, type DremioChoice } from './choice.ts';
import { type Finding, ok, skipped, wrong } from './finding.ts';
import { readKeys } from './front/key-file.ts';
import { Dremio } from './hop/dremio.ts';
import { inspectFiles } from './inspect.ts';
import type { ProxySettings, proxySettings } from './settings.ts';
import type { ProxyStatus } from './status.ts';

const TIMEOUT_MS = 5_000;
const MAX_ANSWER = 16 * 1024;

/** Looks at one thing after the other; each finding comes as soon as it is known. */
export async function* check({
  values,
  problems: alone,
}: Inspection<typeof proxySettings>): AsyncGenerator<Finding> {
  const problems = [...alone, ...checkUpstream(values)];
  if (problems.length > 0) yield* problems.map((text) => wrong('settings', text));
  else yield ok('settings', 'all are as they should be');
  const files = await inspectFiles(values);
  if (files.length > 0) yield* files.map((text) => wrong('files', text));
  else yield ok('files', 'those that are named can be used');
  if (problems.length > 0 || files.length > 0) {
    yield skipped('rest', 'not looked at while the above is wrong');
    return;
  }
  const settings = values as ProxySettings;
  yield await checkKeys(settings);
  const choice = chooseUpstream(settings);
  if (choice.kind === 'http') {
    const { checkHttp } = await import('./check-http.ts');
    yield* checkHttp(settings, choice);
    return;
  }
  const token = await checkToken(settings);
  yield token.finding;
  yield await checkDremio(settings, choice, token.token);
  yield await checkRefresher(settings);
  yield await checkServer(settings);
  yield await checkTools(settings);
}

async function checkKeys({ keysFile }: ProxySettings): Promise<Finding> {
  const clients = await readKeys(keysFile);
  const names = clients.map(({ name, keys, tools, maxInFlight }) => {
    const more = [
      ...(keys.length > 1 ? [`${keys.length} keys`] : []),
      ...(tools ? ['rules for tools'] : []),
      ...(maxInFlight === undefined ? [] : [`maxInFlight ${maxInFlight}`]),
    ];
    return more.length === 0 ? name : `${name} (${more.join(', ')})`;
  });
  return ok('keys', names.join(', '));
}

async function checkToken({
  tokenFile,
}: ProxySettings): Promise<{ finding: Finding; token?: Token }> {
  const file = await readTokenFile(tokenFile);
  if (file.state !== 'valid') return { finding: wrong('token', file.reason) };
  const end = new Date(file.expiresAt).toISOString();
  if (file.expiresAt <= Date.now())
    return { finding: wrong('token', `the one in the file ended at ${end}`) };
  return { finding: ok('token', `the one in the file ends at ${end}`), token: file };
}

async function checkDremio(
  { dremioCaFile }: ProxySettings,
  { url }: DremioChoice,
  token: Token | undefined,
): Promise<Finding> {
  if (!token) return skipped('Dremio', 'not asked without a valid token');
  const authorities = dremioCaFile === undefined ? undefined : await readCertificates(dremioCaFile);
  const dremio = new Dremio(url, authorities);
  let bytes = 0;
  try {
    const { status } = await dremio.send({
      method: 'GET',
      target: '/apiv2/login',
      token: token.token,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      accept: (more) => {
        bytes += more;
        return bytes <= MAX_ANSWER;
      },
    });
    if (status === 200) return ok('Dremio', `accepts the token at ${url.origin}`);
    if (status === 401) return wrong('Dremio', `refuses the token at ${url.origin} (401)`);
    return wrong('Dremio', `answers ${status} to a check of the token at ${url.origin}`);
  } catch (error) {
    return wrong('Dremio', errorText(error));
  } finally {
    await dremio.close();
  }
}

async function checkRefresher({ refresherUrl }: ProxySettings): Promise<Finding> {
  if (!refresherUrl) return skipped('refresher', 'REFRESHER_URL is not set');
  const { origin, href } = refresherUrl;
  try {
    const { statusCode, body } = await request(new URL('readyz', href.replace(/\/*$/, '/')), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = (await body.text()).slice(0, MAX_ANSWER);
    if (statusCode === 200) return ok('refresher', `is ready at ${origin}`);
    return wrong('refresher', `is not ready at ${origin} (${statusCode})${reasonsIn(text)}`);
  } catch (error) {
    return wrong('refresher', `does not answer at ${origin}: ${errorText(error)}`);
  }
}

/** The codes of the reasons in an answer of `/readyz`. */
function reasonsIn(text: string): string {
  try {
    const { reasons } = JSON.parse(text) as { reasons?: { code?: unknown }[] };
    const codes = (reasons ?? []).map(({ code }) => String(code)).join(', ');
    return codes === '' ? '' : `: ${codes}`;
  } catch {
    return '';
  }
}

async function checkServer({ childCommand }: ProxySettings): Promise<Finding> {
  try {
    if (!(await stat(childCommand)).isFile())
      return wrong('server', `CHILD_COMMAND is ${childCommand}, which is not a file`);
    await access(childCommand, constants.X_OK);
    return ok('server', `${childCommand} can be started`);
  } catch (error) {
    const why =
      codeOf(error) === 'ENOENT'
        ? 'does not exist'
        : `user ${user()} may not start (${codeOf(error)})`;
    return wrong('server', `CHILD_COMMAND is ${childCommand}, which ${why}`);
  }
}

/** What the server offers is asked of the proxy that runs beside this command: none is started for it. */
async function checkTools({ operationsPort }: ProxySettings): Promise<Finding> {
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${operationsPort}/status`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (statusCode !== 200) throw new Error(`the operations port answers ${statusCode}`);
    const { tools, tools_digest: digest } = (await body.json()) as ProxyStatus;
    if (digest === null) return skipped('tools', 'the server has not told them yet');
    return ok('tools', `${Object.keys(tools).join(', ')}: ${digest}`);
  } catch (error) {
    return skipped('tools', `no proxy here that could be asked: ${errorText(error)}`);
  }
}

/** What `proxy check` prints and how it ends: 0 when nothing is wrong, else 1. */
export async function runCheck(
  inspection: Inspection<typeof proxySettings>,
  write: (line: string) => void,
): Promise<number> {
  let code = 0;
  const print = ({ state, what, text }: Finding) => {
    if (state === 'wrong') code = 1;
    write(`${state.padEnd(8)}${what.padEnd(10)}${text}\n`);
  };
  try {
    for await (const finding of check(inspection)) print(finding);
  } catch (error) {
    print(wrong('check', `it could not go on: ${errorText(error)}`));
  }
  return code;
}
