/** How digests are asked for: registries and login servers here are scripted, to be as bad as real ones can be. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { parseReference } from '../../infra/image-lock.ts';
import { CommandError } from '../../scripts/command-error.ts';
import type { Credentials } from '../../scripts/pin/credentials.ts';
import { locate } from '../../scripts/pin/location.ts';
import { resolveDigest } from '../../scripts/pin/resolve.ts';
import { type Content, content, imageFor, indexOf } from '../helpers/image-content.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback whose answers each test chooses. */
class Scripted {
  readonly #server: Server = createServer((request, response) => {
    this.seen.push(request);
    this.answer(request, response);
  });
  answer: Handler = (_, response) => response.writeHead(500).end();
  seen: IncomingMessage[] = [];

  async start() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }
  get address() {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const registry = new Scripted();
const other = new Scripted();
before(() => Promise.all([registry.start(), other.start()]));
after(() => Promise.all([registry.stop(), other.stop()]));
beforeEach(() => {
  registry.seen = [];
  other.seen = [];
});

const amd64 = imageFor('linux/amd64');
const arm64 = imageFor('linux/arm64');
const both = indexOf({
  'linux/amd64': amd64,
  'linux/arm64': arm64,
  'unknown/unknown': imageFor('unknown/unknown'),
});

/** Answers as a registry that has `tagged` under the tag 24, and what it refers to. */
const has =
  (tagged: Content, ...more: readonly Content[]): Handler =>
  (request, response) => {
    const [, kind, name] =
      /^\/v2\/team\/node\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
    const found =
      name === '24' && kind === 'manifests'
        ? tagged
        : [tagged, ...more].find(({ digest }) => digest === name);
    if (found === undefined) return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': found.mediaType,
      'content-length': found.body.length,
      'docker-content-digest': found.digest,
    });
    response.end(request.method === 'HEAD' ? undefined : found.body);
  };

/** Lets through who sends `authorization`, and challenges everyone else. */
const guarded =
  (authorization: string, challenge: string, then: Handler): Handler =>
  (request, response) =>
    request.headers.authorization === authorization
      ? then(request, response)
      : void response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[]}');

const login: Credentials = {
  kind: 'login',
  login: { username: 'robot', password: 'pass:word of the test', from: 'config.json' },
};
const basic = `Basic ${Buffer.from('robot:pass:word of the test').toString('base64')}`;
const bearer = (realm: string) =>
  `Bearer realm="${realm}",service="a registry",scope="repository:team/node:pull"`;

function ask(
  options: { credentials?: Credentials; platform?: string; timeoutMs?: number; name?: string } = {},
): Promise<string> {
  const reference = options.name ?? `${registry.address}/team/node:24`;
  const parsed = parseReference(reference);
  assert.ok(parsed);
  const { credentials = { kind: 'none' }, platform = 'linux/amd64', timeoutMs = 5_000 } = options;
  const wanted = { setting: 'nodeImage', reference, location: locate(parsed), credentials };
  return resolveDigest(wanted, platform, timeoutMs);
}

/** The error of a question that must fail; it never holds the password. */
async function failure(options?: Parameters<typeof ask>[0]): Promise<CommandError> {
  const error = await ask(options).then(
    (digest) => assert.fail(`it was resolved to ${digest}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CommandError, String(error));
  assert.doesNotMatch(`${error.message} ${error.advice.join(' ')}`, /word of the test/);
  return error;
}

describe('the digest of an image', () => {
  it('is that of the index, asked for by HEAD first, so that it holds for every platform', async () => {
    registry.answer = has(both);
    assert.equal(await ask(), both.digest);
    assert.equal(await ask({ platform: 'linux/arm64' }), both.digest);
    const [first, second] = registry.seen;
    assert.equal(first?.method, 'HEAD');
    assert.match(first?.headers.accept ?? '', /image\.index\.v1\+json.*manifest\.list\.v2\+json/);
    assert.equal(second?.url, `/v2/team/node/manifests/${both.digest}`);
  });

  it('is that of the manifest where there is but one platform, which its configuration names', async () => {
    registry.answer = has(amd64.manifest, amd64.config);
    assert.equal(await ask(), amd64.manifest.digest);
  });

  it('is computed where the registry does not announce it', async () => {
    registry.answer = (_, response) =>
      response.writeHead(200, { 'content-type': both.mediaType }).end(both.body);
    assert.equal(await ask(), both.digest);
  });

  it('is refused where the content is another than the one announced', async () => {
    registry.answer = (_, response) =>
      response
        .writeHead(200, {
          'content-type': both.mediaType,
          'docker-content-digest': arm64.manifest.digest,
        })
        .end(both.body);
    const { message } = await failure();
    assert.ok(message.includes(`announced as ${arm64.manifest.digest}`), message);
    assert.ok(message.includes(`its content is ${both.digest}`), message);
    registry.answer = has(amd64.manifest, { ...arm64.config, digest: amd64.config.digest });
    assert.match(
      (await failure({ platform: 'linux/arm64' })).message,
      /has a configuration that is not/,
    );
  });

  it('is refused where the image is not for the platform, and the platforms are named', async () => {
    registry.answer = has(both);
    const ofIndex = await failure({ platform: 'linux/s390x' });
    assert.match(
      ofIndex.message,
      /is not made for linux\/s390x; it is for linux\/amd64, linux\/arm64\.$/,
    );
    registry.answer = has(arm64.manifest, arm64.config);
    const ofOne = await failure();
    assert.match(ofOne.message, /is not made for linux\/amd64; it is for linux\/arm64\.$/);
    assert.match(ofOne.advice.join(), /--set imagePlatform=/);
  });

  it('is refused where the description is of an old format, or has no end', async () => {
    registry.answer = has(
      content('application/vnd.docker.distribution.manifest.v1+prettyjws', { schemaVersion: 1 }),
    );
    assert.match((await failure()).message, /has a format that is not known \(.*v1\+prettyjws\)/);
    registry.answer = (request, response) => {
      response.writeHead(200, { 'content-type': both.mediaType });
      if (request.method === 'HEAD') response.end();
      else response.end(Buffer.alloc(5 * 1024 * 1024, ' '));
    };
    assert.match((await failure()).message, /more than 4 MiB of description/);
  });
});

describe('a registry that wants a token', () => {
  const tokenAnswer =
    (body: unknown): Handler =>
    (_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const realm = () => `http://${other.address}/token?account=kept`;

  for (const [who, credentials, header] of [
    ['the login', login, basic],
    ['no login', undefined, undefined],
  ] as const)
    it(`gets one that its login server gave for ${who}, for this repository alone`, async () => {
      registry.answer = guarded('Bearer t0ken', bearer(realm()), has(both));
      other.answer = tokenAnswer({ access_token: 't0ken' });
      assert.equal(await ask(credentials === undefined ? {} : { credentials }), both.digest);
      assert.equal(other.seen.length, 1, 'one token serves all questions');
      const asked = new URL(other.seen[0]?.url ?? '', realm());
      assert.deepEqual(Object.fromEntries(asked.searchParams), {
        account: 'kept',
        service: 'a registry',
        scope: 'repository:team/node:pull',
      });
      assert.equal(other.seen[0]?.headers.authorization, header);
      const sent = registry.seen.map(({ headers }) => headers.authorization);
      assert.deepEqual(sent, [undefined, 'Bearer t0ken', 'Bearer t0ken']);
    });

  it('and whose login server refuses is an error with who was refused, where it came from and what helps', async () => {
    registry.answer = guarded('Bearer t0ken', bearer(realm()), has(both));
    other.answer = (_, response) => response.writeHead(401).end('word of the test');
    const error = await failure({ credentials: login });
    assert.equal(
      error.message,
      `The registry ${registry.address} refuses the login of "robot" for ${registry.address}/team/node:24, ` +
        `which comes from config.json (${other.address}: HTTP 401).`,
    );
    assert.match(error.advice.join('\n'), /docker login 127\.0\.0\.1:\d+$/);
  });

  it('and refuses the one it gets is an error, not a circle', async () => {
    registry.answer = guarded('Bearer better', bearer(realm()), has(both));
    other.answer = tokenAnswer({ token: 't0ken' });
    assert.match((await failure()).message, /wants a login for .*HTTP 401/);
    assert.equal(other.seen.length, 1);
  });

  it('and gets none that fits into a header is an error that quotes nothing', async () => {
    registry.answer = guarded('Bearer t0ken', bearer(realm()), has(both));
    for (const body of [{ token: 'word of the test\r\nX: y' }, {}, null, { token: 7 }]) {
      other.answer = tokenAnswer(body);
      assert.match((await failure()).message, /gave no usable token/);
    }
  });

  it('and sends to a login server without TLS gets no password there', async () => {
    registry.answer = guarded('Bearer t0ken', bearer('http://auth.invalid/token'), has(both));
    const { message } = await failure({ credentials: login });
    assert.match(message, /wants a login at http:\/\/auth\.invalid, which has no TLS/);
  });
});

describe('a registry that wants a login', () => {
  it('gets it once it asks, and says what helps where there is none', async () => {
    registry.answer = guarded(basic, 'Basic realm="here"', has(both));
    assert.equal(await ask({ credentials: login }), both.digest);
    assert.match(
      (await failure()).message,
      /wants a login for \S+, or does not have it \(.*HTTP 401\)/,
    );
    const kept: Credentials = { kind: 'kept-elsewhere', where: 'the credential helper "pass"' };
    const error = await failure({ credentials: kept });
    assert.match(
      error.message,
      /kept by the credential helper "pass", which this command does not ask/,
    );
    assert.match(error.advice.join('\n'), /DOCKER_CONFIG=[\s\S]*--set-secret registryPassword/);
  });
});

describe('content that lies elsewhere', () => {
  it('is fetched from there, without the login', async () => {
    const inside = has(amd64.manifest);
    registry.answer = guarded(basic, 'Basic realm="here"', (request, response) =>
      request.url?.includes('/blobs/')
        ? void response
            .writeHead(307, { location: `http://${other.address}/blob?signature=x` })
            .end()
        : inside(request, response),
    );
    other.answer = (_, response) => response.end(amd64.config.body);
    assert.equal(await ask({ credentials: login }), amd64.manifest.digest);
    assert.equal(other.seen[0]?.headers.authorization, undefined);
  });

  it('is not looked for in circles, nor where there is no TLS', async () => {
    const to =
      (location: string): Handler =>
      (_, response) =>
        response.writeHead(302, { location }).end();
    registry.answer = to('/again');
    assert.match((await failure()).message, /is redirected more than 3 times/);
    assert.equal(registry.seen.length, 4);
    registry.answer = to('http://storage.invalid/x?signature=y');
    assert.match(
      (await failure()).message,
      /redirected to http:\/\/storage\.invalid, which has no TLS/,
    );
  });
});

describe('a registry that cannot help', () => {
  for (const [status, message, advice] of [
    [404, /does not have 127\.0\.0\.1:\d+\/team\/node:24 \(.*HTTP 404\)/, /--set nodeImage=/],
    [403, /wants a login for .*HTTP 403/, /docker login/],
    [429, /gives no more answers for now \(.*HTTP 429\)/, /log in, which allows more/],
    [503, /cannot give .*HTTP 503/, /Try again later/],
  ] as const)
    it(`and answers ${status} is named with the image, its status and what helps`, async () => {
      registry.answer = (_, response) => response.writeHead(status).end();
      const error = await failure();
      assert.match(error.message, message);
      assert.match(error.advice.join('\n'), advice);
    });

  it('since it says nothing is given up in time', async () => {
    registry.answer = () => {};
    assert.match(
      (await failure({ timeoutMs: 200 })).message,
      /cannot be reached for \S+: no whole answer within 0\.2 s\.$/,
    );
  });

  it('since nobody listens is said with what a machine without a way out can do', async () => {
    const error = await failure({ name: '127.0.0.1:1/team/node:24' });
    assert.match(
      error.message,
      /^The registry 127\.0\.0\.1:1 cannot be reached for .*ECONNREFUSED/,
    );
    assert.match(
      error.advice.join(' '),
      /on a machine that has one.*commit images\.lock\.json there/,
    );
  });
});
