import { Agent, request } from 'undici';
import { CommandError, codeOf, messageOf } from '../command-error.ts';

const TIMEOUT_MS = 10_000;
/** More than any login answer has. */
const MOST_BYTES = 64 * 1024;

export interface DremioLogin {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** PEM text of the authority behind Dremio's certificate. */
  readonly ca?: string;
  /** Whether the refresher creates this user on a Dremio that has none. */
  readonly createsFirstUser?: boolean;
}

/** How a login attempt ended. */
export type LoginOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refused-credentials' }
  | { readonly kind: 'no-first-user' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'not-dremio'; readonly status: number; readonly contentType: string }
  | { readonly kind: 'failing'; readonly status: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown-host' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'untrusted'; readonly detail: string }
  | { readonly kind: 'network'; readonly detail: string };

/** Logs in once, as the refresher will (`POST /apiv2/login`), and out again. */
export async function tryLogin(login: DremioLogin, timeoutMs = TIMEOUT_MS): Promise<LoginOutcome> {
  const dispatcher = new Agent({
    connect: { timeout: timeoutMs, ...(login.ca === undefined ? {} : { ca: login.ca }) },
  });
  try {
    const answer = await request(new URL('/apiv2/login', login.url), {
      method: 'POST',
      dispatcher,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      signal: AbortSignal.timeout(timeoutMs * 2),
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ userName: login.username, password: login.password }),
    });
    let body = '';
    for await (const chunk of answer.body) {
      body += chunk;
      if (body.length > MOST_BYTES) break;
    }
    const token = parseObject(body)?.token;
    if (typeof token === 'string') await logOut(login, token, dispatcher);
    return classifyAnswer(answer.statusCode, String(answer.headers['content-type'] ?? ''), body);
  } catch (error) {
    return classifyFailure(error);
  } finally {
    await dispatcher.destroy();
  }
}

/** Ends the token of the check; left alone it would live as long as any other. Its failure changes nothing. */
async function logOut(login: DremioLogin, token: string, dispatcher: Agent): Promise<void> {
  const answer = await request(new URL('/apiv2/login', login.url), {
    method: 'DELETE',
    dispatcher,
    headersTimeout: 2_000,
    headers: { authorization: `_dremio${token}` },
  }).catch(() => undefined);
  await answer?.body.dump().catch(() => undefined);
}

/** What an HTTP answer to a login means. */
export function classifyAnswer(status: number, contentType: string, body: string): LoginOutcome {
  const parsed = parseObject(body);
  if (status === 401) return { kind: 'refused-credentials' };
  if (status === 403)
    return /no user/i.test(body) ? { kind: 'no-first-user' } : { kind: 'forbidden' };
  if (status >= 500) return { kind: 'failing', status };
  if (status === 200 && typeof parsed?.token === 'string') return { kind: 'ok' };
  return { kind: 'not-dremio', status, contentType: contentType.split(';')[0] ?? '' };
}

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS/;

/** What a failed connection means. */
export function classifyFailure(error: unknown): LoginOutcome {
  const code = codeOf(error) ?? '';
  if (code === 'ECONNREFUSED') return { kind: 'refused' };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { kind: 'unknown-host' };
  if (/TIMEOUT|ETIMEDOUT/.test(code) || (error instanceof Error && error.name === 'TimeoutError'))
    return { kind: 'timeout' };
  if (UNTRUSTED.test(code)) return { kind: 'untrusted', detail: messageOf(error) };
  if (code === 'EPROTO') return { kind: 'untrusted', detail: 'it does not speak TLS there' };
  return { kind: 'network', detail: messageOf(error) };
}

/** What a login without a problem found, for people. */
export function loginSuccess(outcome: LoginOutcome, { url, username }: DremioLogin): string {
  return outcome.kind === 'no-first-user'
    ? `${url} has no user yet; the refresher creates ${username}`
    : `login to ${url} as ${username}`;
}

/** The error for the user; `undefined` when the login worked, or will once the first user is created. */
export function loginProblem(outcome: LoginOutcome, login: DremioLogin): CommandError | undefined {
  const { url, username } = login;
  const problem = (message: string, ...advice: string[]) => new CommandError(message, { advice });
  const setUrl = 'Or correct the address: npm run up -- --set dremioUrl=http://dremio.example:9047';
  switch (outcome.kind) {
    case 'ok':
      return undefined;
    case 'refused-credentials':
      return problem(
        `Dremio at ${url} refuses the password of the user "${username}" (401).`,
        'Type it again: npm run up -- --set-secret dremioPassword',
        'Or correct the user: npm run up -- --set dremioUsername=…',
      );
    case 'no-first-user':
      if (login.createsFirstUser) return undefined;
      return problem(
        `Dremio at ${url} has no user yet (403).`,
        `Open ${url} in a browser and create the first user, then run the command again.`,
        `Or let the refresher create "${username}": npm run up -- --set dremioCreateFirstUser=true`,
      );
    case 'forbidden':
      return problem(
        `Dremio at ${url} does not let the user "${username}" log in (403).`,
        `A new Dremio has no users: open ${url} in a browser and create the first one.`,
        'Otherwise a proxy before it may refuse the request.',
      );
    case 'not-dremio':
      return problem(
        `What answers at ${url} is not Dremio's REST API: status ${outcome.status}, ${outcome.contentType || 'no content type'}.`,
        'dremioUrl must be the address of the Dremio console itself, without a login page before it.',
        setUrl,
      );
    case 'failing':
      return problem(
        `Dremio at ${url} answers with status ${outcome.status}.`,
        'It may still be starting: try again in a minute, and look at its logs.',
      );
    case 'refused':
      return problem(
        `Nothing listens at ${url} (connection refused).`,
        'Start Dremio there, then run the command again.',
        setUrl,
      );
    case 'unknown-host':
      return problem(
        `The name in ${url} is not known here (DNS).`,
        setUrl,
        'Is it a container? Name its network: npm run up -- --set dremioNetwork=…',
      );
    case 'timeout':
      return problem(
        `${url} does not answer (timeout).`,
        'A firewall may be between, or Dremio may be starting.',
        setUrl,
      );
    case 'untrusted':
      return problem(
        `The TLS certificate of ${url} is not trusted: ${outcome.detail}.`,
        'Name the authority that signed it: npm run up -- --set dremioCa=@ca.pem',
      );
    case 'network':
      return problem(`${url} cannot be reached: ${outcome.detail}.`, setUrl);
  }
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
