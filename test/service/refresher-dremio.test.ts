import assert from 'node:assert/strict';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { DEMO_USER, type DemoDremio, start } from '../../images/demo-dremio/src/index.ts';
import { systemClock } from '../../images/kit/src/clock.ts';
import { connectDremio } from '../../images/refresher/src/dremio.ts';
import type { Limits } from '../../images/refresher/src/http.ts';

const CREDENTIALS = { username: DEMO_USER.userName, password: DEMO_USER.password };
const never = new AbortController().signal;
const connect = (url: string, { ca, ...options }: { ca?: string; limits?: Partial<Limits> } = {}) =>
  connectDremio({
    url: new URL(url),
    clock: systemClock,
    ...(ca === undefined ? {} : { ca: async () => ca }),
    ...options,
  });
const outcome = async (url: string, options = {}) => {
  const result = await connect(url, options).login(CREDENTIALS, never);
  return result.ok ? 'ok' : result.failure.class;
};

/** Serves something other than Dremio while `use` runs. */
async function serving(server: Server, use: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}
const answering = (listener: RequestListener, use: (url: string) => Promise<void>) =>
  serving(createHttpServer(listener), (port) => use(`http://127.0.0.1:${port}`));

describe('the way to Dremio', () => {
  let demo: DemoDremio;
  before(async () => {
    demo = await start();
  });
  after(() => demo.close());

  it('brings a token that works, with its end in milliseconds', async () => {
    const dremio = connect(demo.url);
    const before = Date.now();
    const result = await dremio.login(CREDENTIALS, never);
    assert.ok(result.ok);
    assert.equal(result.skewMs, 0);
    assert.ok(Math.abs(result.expiresAt - before - 30 * 3_600_000) < 2000);
    assert.equal(await dremio.probe(result.token, never), 'accepted');
    demo.tokens.revoke(result.token);
    assert.equal(await dremio.probe(result.token, never), 'refused');
  });

  it('takes an address with a slash at the end, and one with a path before /apiv2', async () => {
    assert.equal(await outcome(`${demo.url}/`), 'ok');
    demo.requests.clear();
    assert.equal(await outcome(`${demo.url}/behind/a/proxy/`), 'wrong_product');
    assert.equal(demo.requests.entries()[0]?.path, '/behind/a/proxy/apiv2/login');
  });

  it('tells a refused password, a missing first user and trouble in Dremio apart', async () => {
    const wrong = await connect(demo.url).login({ ...CREDENTIALS, password: 'wrong' }, never);
    assert.equal(wrong.ok ? 'ok' : wrong.failure.class, 'credentials_refused');
    const empty = await start({ users: [] });
    assert.equal(await outcome(empty.url), 'no_first_user');
    await empty.close();
    assert.equal(await outcome(empty.url), 'dremio_unreachable');
    const faults: [Parameters<DemoDremio['faults']['next']>[1], string][] = [
      [{ status: 500 }, 'dremio_failing'],
      [{ status: 429, headers: { 'retry-after': '7' } }, 'dremio_throttling'],
      [{ html: '<html>Dremio Cloud</html>' }, 'wrong_product'],
      [{ json: { token: 'abc', expires: 1 } }, 'malformed_answer'],
      [{ connection: 'reset' }, 'dremio_unreachable'],
    ];
    for (const [fault, expected] of faults) {
      demo.faults.next('POST /apiv2/login', fault);
      assert.equal(await outcome(demo.url), expected);
    }
  });

  it('gives up on an answer that does not come in time, and at once when told to stop', async () => {
    demo.faults.next('/apiv2/login', { connection: 'hang', times: 3 });
    assert.equal(await outcome(demo.url, { limits: { loginMs: 50 } }), 'dremio_unreachable');
    assert.equal(
      await connect(demo.url, { limits: { probeMs: 50 } }).probe('abc', never),
      'unreachable',
    );
    const stop = new AbortController();
    const hanging = connect(demo.url).login(CREDENTIALS, stop.signal);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await assert.rejects(hanging, { name: 'AbortError' });
  });

  it('does not follow a redirect with the password', async () => {
    const { issued } = demo.tokens;
    await answering(
      (_, response) => response.writeHead(307, { location: `${demo.url}/apiv2/login` }).end(),
      async (url) => assert.equal(await outcome(url), 'wrong_product'),
    );
    assert.equal(demo.tokens.issued, issued);
  });

  it('does not read on when an answer is larger than any login answer, or drips without end', async () => {
    await answering(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const chunk = Buffer.alloc(64 * 1024, 'x');
        const more = () => {
          while (!response.destroyed && response.write(chunk)) {}
        };
        response.on('drain', more);
        more();
      },
      async (url) => assert.equal(await outcome(url), 'wrong_product'),
    );
    await answering(
      (_, response) => {
        const drip = setInterval(() => response.write(' '), 5);
        response.on('close', () => clearInterval(drip));
      },
      async (url) =>
        assert.equal(await outcome(url, { limits: { loginMs: 100 } }), 'dremio_unreachable'),
    );
  });

  it('knows a server that does not speak HTTP', async () => {
    await serving(
      createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')),
      async (port) => assert.equal(await outcome(`http://127.0.0.1:${port}`), 'wrong_product'),
    );
  });
});

describe('a token that is logged out', () => {
  it('works no more, and is known not to', async () => {
    await using demo = await start();
    const dremio = connect(demo.url);
    const login = await dremio.login(CREDENTIALS, never);
    assert.ok(login.ok);
    assert.equal(await dremio.logout(login.token, never), undefined);
    assert.equal(await dremio.probe(login.token, never), 'refused');
    const [deleted] = demo.requests.entries('DELETE /apiv2/login');
    assert.equal(deleted?.status, 204);
    assert.equal(await dremio.logout(login.token, never), undefined, 'a second time is no trouble');
  });

  it('is not taken for logged out while Dremio still accepts it', async () => {
    await using demo = await start();
    const dremio = connect(demo.url);
    const login = await dremio.login(CREDENTIALS, never);
    assert.ok(login.ok);
    demo.faults.next('DELETE /apiv2/login', { status: 204 });
    assert.equal(
      await dremio.logout(login.token, never),
      'a probe after the logout says: accepted',
    );
    demo.faults.next('DELETE /apiv2/login', { connection: 'reset' });
    assert.match(String(await dremio.logout(login.token, never)), /cannot be reached/);
  });
});

describe('the first user', () => {
  it('is created on a Dremio that has none, and can log in', async () => {
    await using demo = await start({ users: [] });
    const dremio = connect(demo.url);
    assert.equal(await outcome(demo.url), 'no_first_user');
    assert.equal(await dremio.createFirstUser(CREDENTIALS, never), undefined);
    assert.equal(await outcome(demo.url), 'ok');
  });

  it('is refused in words when there is one already, or the password is too simple', async () => {
    await using demo = await start();
    const second = await connect(demo.url).createFirstUser(CREDENTIALS, never);
    assert.equal(second?.class, 'no_first_user');
    await using empty = await start({ users: [] });
    const simple = { ...CREDENTIALS, password: 'short' };
    const refused = await connect(empty.url).createFirstUser(simple, never);
    assert.equal(refused?.class, 'no_first_user');
    assert.match(refused?.message ?? '', /at least 8 characters, a letter and a digit/);
  });

  it('fails like a login when Dremio is in trouble', async () => {
    await using demo = await start({ users: [] });
    demo.faults.next('PUT /apiv2/bootstrap/firstuser', { status: 503 });
    const failure = await connect(demo.url).createFirstUser(CREDENTIALS, never);
    assert.equal(failure?.class, 'dremio_failing');
  });
});

describe('the status of Dremio', () => {
  it('tells a Dremio that serves from one in trouble and from something else', async () => {
    await using demo = await start();
    const status = async (url: string) => (await connect(url).status(never))?.class;
    assert.equal(await status(demo.url), undefined);
    demo.setMasterDown(true);
    assert.equal(await status(demo.url), 'dremio_failing');
    await answering(
      (_, response) => response.end('{"status":"ok"}'),
      async (url) => assert.equal(await status(url), 'wrong_product'),
    );
  });
});

describe('the way to Dremio over TLS', () => {
  let demo: DemoDremio;
  let ca: string;
  before(async () => {
    const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
      keySize: 2048,
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
      ],
    });
    ca = pems.cert;
    demo = await start({ tls: { key: pems.private, cert: pems.cert } });
  });
  after(() => demo.close());
  const url = (host = 'localhost') => `https://${host}:${demo.port}`;

  it('trusts the given CA', async () => {
    assert.equal(await outcome(url(), { ca }), 'ok');
  });

  it('R16: sends nothing to a server whose certificate is not trusted or is for another name', async () => {
    demo.requests.clear();
    assert.equal(await outcome(url()), 'tls_not_trusted');
    assert.equal(await outcome(url('127.0.0.1'), { ca }), 'tls_not_trusted');
    assert.deepEqual(demo.requests.entries(), []);
  });

  it('trusts another CA as soon as its file is replaced, and sends nothing while it cannot be read', async () => {
    let file = async (): Promise<string> => {
      throw new Error('it is gone');
    };
    const dremio = connectDremio({ url: new URL(url()), clock: systemClock, ca: () => file() });
    const login = async () => {
      const result = await dremio.login(CREDENTIALS, never);
      return result.ok ? 'ok' : result.failure;
    };
    demo.requests.clear();
    assert.deepEqual(await login(), {
      class: 'tls_not_trusted',
      message: 'the file that DREMIO_CA_FILE names cannot be read: it is gone; nothing was sent',
    });
    assert.deepEqual(demo.requests.entries(), []);
    file = async () => ca;
    assert.equal(await login(), 'ok');
  });

  it('knows https spoken to a plain server', async () => {
    const plain = await start();
    const address = plain.url.replace('http:', 'https:');
    assert.equal(await outcome(address), 'wrong_product');
    await plain.close();
  });
});
