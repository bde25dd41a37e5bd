/**
 * Asks a registry by its HTTP API (OCI distribution-spec; token flow of distribution/distribution
 * docs/spec/auth/token.md). Of the libraries on npm, those for this API either went unmaintained or bring an HTTP
 * client of their own for more than is wanted here: two requests, by undici like all others of the project.
 */
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { type Challenge, parseChallenge } from './challenge.ts';
import { refused, unreachable, unusable, type Wanted } from './failures.ts';
import { isLoopback } from './location.ts';

/** The distribution-spec bids registries to take manifests of up to 4 MiB; none that is honest is larger. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** A header's value; several of one name joined. */
  header(name: string): string | undefined;
}

/** One conversation with one registry about one repository. All of it must be over within `timeoutMs`. */
export class Registry {
  readonly #wanted: Wanted;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #dispatcher: Dispatcher;
  #authorization: string | undefined;

  constructor(wanted: Wanted, timeoutMs: number) {
    this.#wanted = wanted;
    this.#timeoutMs = timeoutMs;
    this.#signal = AbortSignal.timeout(timeoutMs);
    const { hostname } = new URL(wanted.location.origin);
    // A proxy cannot reach this machine's loopback; Docker does not ask it to either.
    this.#dispatcher = isLoopback(hostname) ? new Agent() : new EnvHttpProxyAgent();
  }

  /**
   * Asks for something of the repository, logging in when the registry wants it.
   * @throws CommandError unless the answer is 200
   */
  async ask(method: 'HEAD' | 'GET', path: string, accept = '*/*'): Promise<Answer> {
    const { origin, repository } = this.#wanted.location;
    const url = new URL(`/v2/${repository}/${path}`, origin);
    let answer = await this.#send(method, url, accept, this.#authorization);
    if (answer.status === 401 && this.#authorization === undefined) {
      this.#authorization = await this.#logIn(answer.header('www-authenticate') ?? '');
      answer = await this.#send(method, url, accept, this.#authorization);
    }
    if (answer.status !== 200) throw refused(this.#wanted, answer.status);
    return answer;
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** @returns the header that meets the challenge */
  async #logIn(header: string): Promise<string> {
    const challenge = parseChallenge(header);
    const { credentials } = this.#wanted;
    const login = credentials.kind === 'login' ? credentials.login : undefined;
    const basic =
      login &&
      `Basic ${Buffer.from(`${login.username}:${login.password}`, 'utf8').toString('base64')}`;
    if (challenge?.scheme === 'bearer') return `Bearer ${await this.#token(challenge, basic)}`;
    if (challenge === undefined || basic === undefined) throw refused(this.#wanted, 401);
    return basic;
  }

  async #token(
    { realm, service }: Extract<Challenge, { scheme: 'bearer' }>,
    basic: string | undefined,
  ): Promise<string> {
    if (!this.#isSafe(realm))
      throw unusable(
        this.#wanted,
        `wants a login at ${realm.origin}, which has no TLS, so that no password is sent there`,
      );
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${this.#wanted.location.repository}:pull`);
    const answer = await this.#send('GET', url, 'application/json', basic);
    if (answer.status !== 200) throw refused(this.#wanted, answer.status, realm.host);
    const token = tokenIn(answer.body);
    if (token === undefined)
      throw unusable(this.#wanted, `cannot be asked for, since ${realm.host} gave no usable token`);
    return token;
  }

  /** TLS everywhere, but for a registry on this machine and what it names on this machine. */
  #isSafe(url: URL): boolean {
    if (url.protocol === 'https:') return true;
    const local = isLoopback(new URL(this.#wanted.location.origin).hostname);
    return url.protocol === 'http:' && local && isLoopback(url.hostname);
  }

  async #send(
    method: 'HEAD' | 'GET',
    first: URL,
    accept: string,
    authorization: string | undefined,
  ): Promise<Answer> {
    let url = first;
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      // Storage that content is redirected to has a signature in its URL and no business with the login.
      const allowed = authorization !== undefined && url.origin === first.origin;
      const answer = await this.#once(method, url, {
        accept,
        ...(allowed ? { authorization } : {}),
      });
      const location = answer.header('location');
      if (!REDIRECTS.includes(answer.status) || location === undefined) return answer;
      url = this.#redirected(url, location);
    }
    throw unusable(this.#wanted, `is redirected more than ${MOST_REDIRECTS} times`);
  }

  #redirected(from: URL, location: string): URL {
    const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
    if (url === undefined || !this.#isSafe(url))
      throw unusable(this.#wanted, `is redirected to ${url?.origin ?? 'no URL'}, which has no TLS`);
    return url;
  }

  async #once(method: 'HEAD' | 'GET', url: URL, headers: Record<string, string>): Promise<Answer> {
    let size = 0;
    const chunks: Buffer[] = [];
    try {
      const answer = await request(url, {
        method,
        headers,
        dispatcher: this.#dispatcher,
        signal: this.#signal,
      });
      for await (const chunk of answer.body) {
        size += chunk.length;
        if (size > MOST_BYTES) break;
        chunks.push(chunk);
      }
      if (size <= MOST_BYTES)
        return {
          status: answer.statusCode,
          body: Buffer.concat(chunks),
          header: (name) => answer.headers[name]?.toString(),
        };
    } catch (error) {
      const cause: unknown = this.#signal.aborted ? this.#signal.reason : error;
      throw unreachable(this.#wanted, url.host, cause, this.#timeoutMs);
    }
    throw unusable(
      this.#wanted,
      `comes with more than ${MOST_BYTES / 1024 / 1024} MiB of description`,
    );
  }
}

function tokenIn(body: Buffer): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(body.toString('utf8')) ?? {};
    const found: unknown = token ?? other;
    // Anything else would not fit into a header, and its text must not reach an error.
    return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
