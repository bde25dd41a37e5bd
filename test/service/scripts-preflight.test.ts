import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { DEMO_USER, start } from '../../images/demo-dremio/src/index.ts';
import {
  type DremioLogin,
  loginProblem,
  loginSuccess,
  tryLogin,
} from '../../scripts/preflight/dremio.ts';
import { describeOwner } from '../../scripts/preflight/port.ts';
import { isPortFree, nextFreePort, processOnPort } from '../../scripts/preflight/port-owner.ts';

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function listening<T extends Server>(server: T): Promise<T> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('a port that is taken', () => {
  it('is noticed, with the process that has it, and the next free one is found', async () => {
    const server = await listening(createTcp());
    const port = portOf(server);
    assert.equal(await isPortFree(port), false);
    const owner = processOnPort(port);
    assert.equal(owner?.kind === 'process' && owner.pid, process.pid);
    assert.match(
      describeOwner(owner ?? { kind: 'unknown' }),
      new RegExp(`\\(process ${process.pid}\\)$`),
    );
    const next = await nextFreePort(port);
    assert.ok(next !== undefined && next > port);
    server.close();
    await once(server, 'close');
    assert.equal(await isPortFree(port), true);
    assert.equal(processOnPort(port), undefined);
  });
});

describe('the login to Dremio before a deployment', () => {
  let demo: Awaited<ReturnType<typeof start>>;
  before(async () => {
    demo = await start({ port: 0 });
  });
  after(() => demo.close());
  const demoLogin = () => ({
    url: demo.url,
    username: DEMO_USER.userName,
    password: DEMO_USER.password,
  });

  const outcome = async (login: DremioLogin, timeoutMs = 2_000) => {
    const found = await tryLogin(login, timeoutMs);
    const problem = loginProblem(found, login);
    assert.ok(!problem?.message.includes(login.password), 'the password is not told');
    return { kind: found.kind, message: problem?.message ?? '', advice: problem?.advice ?? [] };
  };
  const answering = async (listener: RequestListener, test: (url: string) => Promise<void>) => {
    const server = await listening(createHttp(listener));
    try {
      await test(`http://127.0.0.1:${portOf(server)}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  it('works, and leaves no token behind', async () => {
    assert.equal((await outcome(demoLogin())).kind, 'ok');
    const paths = demo.requests.entries().map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(paths.slice(-2), ['POST /apiv2/login', 'DELETE /apiv2/login']);
  });

  it('says that the password is refused, for whom, and how to type it again', async () => {
    const { kind, message, advice } = await outcome({ ...demoLogin(), password: 'wrong-password' });
    assert.equal(kind, 'refused-credentials');
    assert.match(message, /refuses the password of the user "demo" \(401\)/);
    assert.match(advice[0] ?? '', /--set-secret dremioPassword/);
  });

  it('says that there is no first user', async () => {
    await answering(
      (_, response) => {
        response.writeHead(403, { 'content-type': 'application/json' });
        response.end('{"errorMessage":"No User Available"}');
      },
      async (url) => {
        const login = { url, username: 'u', password: 'secret-1' };
        const { message, advice } = await outcome(login);
        assert.match(message, /has no user yet \(403\)/);
        assert.match(advice[1] ?? '', /--set dremioCreateFirstUser=true/);
        const creating = { ...login, createsFirstUser: true };
        const found = await tryLogin(creating);
        assert.equal(loginProblem(found, creating), undefined);
        assert.equal(
          loginSuccess(found, creating),
          `${url} has no user yet; the refresher creates u`,
        );
      },
    );
  });

  it('says that something else answers, by what it answers', async () => {
    await answering(
      (_, response) => response.writeHead(200, { 'content-type': 'text/html; x' }).end('<html>'),
      async (url) => {
        const { message } = await outcome({ url, username: 'u', password: 'secret-1' });
        assert.match(message, /is not Dremio's REST API: status 200, text\/html\./);
      },
    );
  });

  it('says that nothing listens, or nothing answers in time', async () => {
    const server = await listening(createTcp());
    const url = `http://127.0.0.1:${portOf(server)}`;
    const login = { url, username: 'u', password: 'secret-1' };
    assert.equal((await outcome(login, 200)).kind, 'timeout');
    server.close();
    assert.equal((await outcome(login)).kind, 'refused');
  });

  it('says that the certificate is not trusted, and trusts the authority that is named', async () => {
    const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
      ],
    });
    const server = await listening(
      createHttps({ key: pems.private, cert: pems.cert }, (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"token":"t"}');
      }),
    );
    const login = {
      url: `https://localhost:${portOf(server)}`,
      username: 'u',
      password: 'secret-1',
    };
    const refused = await outcome(login);
    assert.equal(refused.kind, 'untrusted');
    assert.match(refused.advice[0] ?? '', /--set dremioCa=@ca\.pem/);
    assert.equal((await outcome({ ...login, ca: pems.cert })).kind, 'ok');
    server.closeAllConnections();
    server.close();
  });
});
