/** What is answered over HTTP: to whoever calls the URL, and inside by every service to the others. */
import { once } from 'node:events';
import { type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { execNode } from '../stack.ts';
import type { Sample } from './search.ts';

export interface Answer {
  readonly what: string;
  readonly status: number;
  /** Names and values in turn, as sent. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export const sampleOf = ({ what, status, headers, body }: Answer): Sample => ({
  surface: 'answers',
  where: `${status} to ${what}`,
  content: Buffer.concat([Buffer.from(`${headers.join('\n')}\n\n`), body]),
});

export interface Question {
  /** In words, without anything secret. */
  readonly what: string;
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const PATIENCE_MS = 30_000;

/** Asks on this machine, whatever the host of the URL. */
export async function ask(question: Question, ca = ''): Promise<Answer> {
  const { what, url, method = 'GET', headers = {}, body } = question;
  const { protocol, hostname, host, port, pathname, search } = new URL(url);
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    path: pathname + search,
    method,
    headers: { host, ...headers },
    signal: AbortSignal.timeout(PATIENCE_MS),
  };
  const request =
    protocol === 'https:' ? overHttps({ ...options, ca, servername: hostname }) : overHttp(options);
  request.end(body);
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // Who has answered need not read the rest.
    request.on('error', () => {});
    const { statusCode: status = 0, rawHeaders } = response;
    return { what, status, headers: rawHeaders, body: await buffer(response) };
  } catch (error) {
    throw new Error(`no answer to ${what}`, { cause: error });
  }
}

/** Node's fetch inside a container; `KEY` in a header stands for a client's key, which never leaves the container. */
const INSIDE = `
  const keys = JSON.parse(require('node:fs').readFileSync('/run/secrets/mcp-keys.json', 'utf8'));
  const key = Object.values(keys).flat()[0];
  const ask = async ({ what, url, method = 'GET', headers = {}, body }) => {
    const sent = Object.entries(headers).map(([name, value]) => [name, value.replace('KEY', key)]);
    const answer = await fetch(url, { method, headers: sent, body, redirect: 'manual' });
    const text = Buffer.from(await answer.arrayBuffer()).toString('base64');
    return { what, status: answer.status, headers: [...answer.headers].flat(), text };
  };
  Promise.all(QUESTIONS.map(ask)).then((all) => process.stdout.write(JSON.stringify(all)));`;

/** Asks from inside a proxy's container. */
export async function askInside(proxy: string, questions: readonly Question[]): Promise<Answer[]> {
  const script = INSIDE.replace('QUESTIONS', () => JSON.stringify(questions));
  const answers = JSON.parse(await execNode(proxy, script)) as (Omit<Answer, 'body'> & {
    text: string;
  })[];
  return answers.map(({ text, ...answer }) => ({ ...answer, body: Buffer.from(text, 'base64') }));
}

const OPERATIONS = ['livez', 'readyz', 'startupz', 'metrics', 'status', 'nowhere'];

/** What a service says on its operations port. */
export const operationsOf = (host: string): Question[] =>
  OPERATIONS.map((path) => ({
    what: `/${path} of ${host}`,
    url: `http://${host}:9090/${path}`,
  }));

const JSON_POST = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;
const MIB = 1024 * 1024;

const rpc = (method: string, params: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const INITIALIZE = rpc('initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'canary', version: '1' },
});

/**
 * Every way in which a call to an MCP URL is answered that a client can bring about: 200, 202, 400, 401, 403, 404, 405,
 * 406, 413, 415.
 */
export function callsOf(url: string, key: string): Question[] {
  const authorization = `Bearer ${key}`;
  const headers = { ...JSON_POST, authorization };
  const post = { url, method: 'POST' } as const;
  const other = (path: string) => new URL(path, url).href;
  return [
    { what: 'a call', ...post, headers, body: INITIALIZE },
    { what: 'a call without a key', ...post, headers: JSON_POST, body: INITIALIZE },
    {
      what: 'a call with a key that ends wrongly',
      ...post,
      headers: { ...headers, authorization: `${authorization}x` },
      body: INITIALIZE,
    },
    {
      what: 'a call with the key in another scheme',
      ...post,
      headers: { ...headers, authorization: `Basic ${Buffer.from(`:${key}`).toString('base64')}` },
      body: INITIALIZE,
    },
    {
      what: 'a call with the key in the address',
      ...post,
      url: `${url}?access_token=${key}`,
      headers: JSON_POST,
      body: INITIALIZE,
    },
    { what: 'text that is no JSON', ...post, headers, body: `{"key": "${key}"` },
    { what: 'a method that is none', ...post, headers, body: rpc(key, { key }) },
    {
      what: 'a session that is none',
      ...post,
      headers: { ...headers, 'mcp-session-id': key },
      body: rpc('tools/list', {}),
    },
    { what: 'a stream without a session', url, headers: { ...headers, accept: '*/*' } },
    { what: 'a call of a page', ...post, headers: { ...headers, origin: 'https://evil.test' } },
    { what: 'no JSON by its type', ...post, headers: { ...headers, 'content-type': 'text/plain' } },
    { what: 'another method', url, method: 'PUT', headers, body: '{}' },
    { what: 'another path', url: other(`/nowhere/${'x'.repeat(64)}`), headers },
    { what: 'the metadata of OAuth', url: other('/.well-known/oauth-protected-resource') },
    { what: 'too much', ...post, headers, body: 'x'.repeat(4.5 * MIB) },
  ];
}

/** A session with a query that fails in Dremio, told by its errors. */
export async function failingQuery(url: string, key: string, ca: string): Promise<Answer[]> {
  const headers = { ...JSON_POST, authorization: `Bearer ${key}` };
  const say = (what: string, body: string, more: Readonly<Record<string, string>> = {}) =>
    ask({ what, url, method: 'POST', headers: { ...headers, ...more }, body }, ca);
  const opened = await say('an opened session', INITIALIZE);
  const session = headerOf(opened, 'mcp-session-id');
  const inSession = { 'mcp-session-id': session };
  const list = await say('the list of tools', rpc('tools/list', {}), inSession);
  const argument = /"RunSqlQuery".*?"properties":\{"(\w+)"/.exec(list.body.toString())?.[1] ?? 's';
  const query = (sql: string) =>
    rpc('tools/call', { name: 'RunSqlQuery', arguments: { [argument]: sql } });
  return [
    opened,
    list,
    await say('a query', query('SELECT 1 AS one'), inSession),
    await say('a query of nothing', query('SELECT * FROM nothing.at.all'), inSession),
    await say('a query that is none', query('SELEC 1 AS one'), inSession),
    await ask(
      {
        what: 'the end of a session',
        url,
        method: 'DELETE',
        headers: { ...headers, ...inSession },
      },
      ca,
    ),
  ];
}

function headerOf({ headers }: Answer, name: string): string {
  const at = headers.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === name);
  return headers[at + 1] ?? '';
}
