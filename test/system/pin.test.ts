/** `npm run pin` against real registries on loopback: open, with a password, and with tokens of a login server. */
import assert from 'node:assert/strict';
import { randomUUID, sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { pack } from 'tar-stream';
import { pinned, readImageLock } from '../../infra/image-lock.ts';
import { isOnEngine, pullImage } from '../../scripts/base-image/pull.ts';
import { CommandError } from '../../scripts/command-error.ts';
import { StackConfig } from '../../scripts/config/stack-config.ts';
import { pin } from '../../scripts/pin/pin.ts';
import { stackFiles } from '../../scripts/stack/stack-files.ts';
import { recordProgram } from '../helpers/pulumi-program.ts';
import { noRegistry, TestRegistry } from '../helpers/registry.ts';
import { docker, eventually } from '../helpers/stack.ts';

const PASSWORD = 'a password of this test';
/** bcrypt of it, the only form that docker-registry reads. */
const HTPASSWD = 'puller:$2b$04$abcdefghijklmnopqrstuuwOSA7Y9rIMFOO0YMODYvgCroJmWCfFy\n';
const LOGIN = `Basic ${Buffer.from(`puller:${PASSWORD}`).toString('base64')}`;
const both = ['linux/amd64', 'linux/arm64'];

let folder: string;
let dockerConfig: string | undefined;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakehouse-pin-test-'));
  // Logins of whoever runs the tests are none of theirs.
  dockerConfig = process.env.DOCKER_CONFIG;
  process.env.DOCKER_CONFIG = folder;
});
after(async () => {
  if (dockerConfig === undefined) delete process.env.DOCKER_CONFIG;
  else process.env.DOCKER_CONFIG = dockerConfig;
  await rm(folder, { recursive: true });
});

/** A project whose stack has these settings, and the command in it. */
async function project(settings: Record<string, string>, secrets: Record<string, string> = {}) {
  const path = await mkdtemp(join(folder, 'project-'));
  const defaults = { imagePlatform: 'linux/amd64', ...settings };
  const declared = Object.entries(defaults).map(
    ([key, value]) => `  ${key}: { type: string, default: "${value}" }\n`,
  );
  await writeFile(join(path, 'Pulumi.yaml'), `config:\n${declared.join('')}`);
  if (Object.keys(secrets).length > 0) {
    process.env.PULUMI_CONFIG_PASSPHRASE = 'of the test';
    const config = await StackConfig.read(stackFiles(path, 'prod'), 'of the test');
    for (const [key, value] of Object.entries(secrets)) await config.setSecret(key, value);
    await config.save();
  }
  const lock = join(path, 'images.lock.json');
  return {
    lock: () => readImageLock(lock),
    lockText: () => readFile(lock, 'utf8'),
    async pin(options: { check?: boolean } = {}) {
      let text = '';
      const out = new Writable({
        write(chunk, _, done) {
          text += chunk;
          done();
        },
      });
      const code = await pin(path, { stack: 'prod', check: false, json: false, ...options }, out);
      return { code, text };
    },
  };
}

const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CommandError);
  assert.match(error.message, pattern);
  assert.ok(!`${error.message}${error.advice}`.includes(PASSWORD));
  return true;
};

describe('pinning images of a registry', { skip: noRegistry }, () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await TestRegistry.start();
  });
  after(() => registry.stop());

  it('S9 writes the digest of an image that the engine has pushed, by which the engine pulls it again', async () => {
    const name = `${registry.address}/pushed:1`;
    const [repo = '', tag = ''] = name.split(/:(?=[^:]*$)/);
    const archive = pack();
    archive.entry({ name: 'hello' }, 'world');
    archive.finalize();
    (await docker.importImage(Readable.from(archive), { repo, tag })).resume();
    await eventually('the image is there', () => isOnEngine(docker, name));
    const stack = await project({ nodeImage: name });
    let byContent: string | undefined;
    try {
      const pushed = await docker
        .getImage(name)
        .push({ authconfig: { username: '', password: '' } });
      await new Promise((resolve) => docker.modem.followProgress(pushed, resolve));
      const { RepoDigests } = await docker.getImage(name).inspect();
      assert.equal((await stack.pin()).code, 0);
      byContent = pinned(name, stack.lock());
      assert.deepEqual(RepoDigests, [byContent]);
      await docker.getImage(name).remove();
      const signal = new AbortController().signal;
      const reason = await pullImage(docker, byContent ?? '', { signal, progress: () => {} });
      assert.equal(reason, undefined);
    } finally {
      for (const one of [name, byContent ?? name])
        await docker
          .getImage(one)
          .remove({ force: true })
          .catch(() => undefined);
    }
  });

  it('S9 takes one digest for all platforms, sorts the lock, and finds nothing to do a second time', async () => {
    const node = await registry.put({ repository: 'z/node', tag: '24' }, both);
    const caddy = await registry.put({ repository: 'a/caddy', tag: '2' }, both);
    const stack = await project({
      nodeImage: `${registry.address}/z/node:24`,
      caddyImage: `${registry.address}/a/caddy:2`,
    });
    assert.equal((await stack.pin()).code, 0);
    const written = `{\n  "${registry.address}/a/caddy:2": "${caddy}",\n  "${registry.address}/z/node:24": "${node}"\n}\n`;
    assert.equal(await stack.lockText(), written);
    assert.match((await stack.pin()).text, /is what the registries serve\.\n$/);
    assert.equal(await stack.lockText(), written);
  });

  it('S9 is checked: what is not pinned and what has moved ends with 1 and both digests, and changes nothing', async () => {
    const place = { repository: 'moving', tag: '1' };
    const old = await registry.put(place, both);
    const stack = await project({ nodeImage: `${registry.address}/moving:1` });
    const unpinned = await stack.pin({ check: true });
    assert.equal(unpinned.code, 1);
    assert.ok(unpinned.text.includes(`is not pinned; the registry serves ${old}`), unpinned.text);
    await assert.rejects(stack.lockText(), /ENOENT/);

    await stack.pin();
    assert.equal((await stack.pin({ check: true })).code, 0);
    const moved = await registry.put(place, both, 'someone else');
    const before = await stack.lockText();
    const checked = await stack.pin({ check: true });
    assert.equal(checked.code, 1);
    assert.ok(
      checked.text.includes(`is pinned to ${old}; the registry now serves ${moved}`),
      checked.text,
    );
    assert.equal(await stack.lockText(), before);
    await stack.pin();
    assert.equal((await stack.pin({ check: true })).code, 0);
  });

  it('writes nothing when one image of several cannot be had, and names every one of those', async () => {
    await registry.put({ repository: 'arm', tag: '1' }, ['linux/arm64']);
    await registry.put({ repository: 'good', tag: '1' }, both);
    const half = await project({
      nodeImage: `${registry.address}/good:1`,
      caddyImage: `${registry.address}/arm:1`,
    });
    await assert.rejects(
      half.pin(),
      refusal(/arm:1 .*not made for linux\/amd64; it is for linux\/arm64/),
    );
    await assert.rejects(half.lockText(), /ENOENT/);
    const none = await project({
      nodeImage: `${registry.address}/good:2`,
      caddyImage: '127.0.0.1:1/caddy:2',
    });
    await assert.rejects(
      none.pin(),
      refusal(
        /does not have \S+good:2 [\s\S]*127\.0\.0\.1:1 cannot be reached[\s\S]*was not changed/,
      ),
    );
  });

  it('needs no registry for an image that is named by content, and refuses one that was built here', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const exact = await project({ nodeImage: `127.0.0.1:1/node@${digest}` });
    assert.equal((await exact.pin({ check: true })).code, 0);
    const built = await project({ nodeImage: 'lakehouse-mcp/base:bookworm-node24' });
    await assert.rejects(built.pin(), refusal(/was built on a machine; no registry serves it/));
  });
});

describe('pinning images of a registry with a password', { skip: noRegistry }, () => {
  let registry: TestRegistry;
  let digest: string;
  before(async () => {
    const auth = { htpasswd: { realm: 'test', path: 'FOLDER/htpasswd' } };
    registry = await TestRegistry.start({ auth }, { htpasswd: HTPASSWD });
    const place = { repository: 'team/node', tag: '24' };
    digest = await registry.put(place, both, 'test', { authorization: LOGIN });
  });
  after(() => registry.stop());
  const settings = () => ({ nodeImage: `${registry.address}/team/node:24` });
  const stackLogin = () => ({
    ...settings(),
    registry: `${registry.address}/team`,
    registryUsername: 'puller',
  });

  it("works with the stack's own login, which is kept encrypted", async () => {
    const stack = await project(stackLogin(), { registryPassword: PASSWORD });
    await stack.pin();
    assert.deepEqual([...stack.lock().values()], [digest]);
  });

  it('works with what docker login has written, and says what helps without any', async () => {
    const stack = await project(settings());
    await assert.rejects(stack.pin(), refusal(/wants a login for .*HTTP 401/));
    const config = join(folder, 'config.json');
    const auth = Buffer.from(`puller:${PASSWORD}`).toString('base64');
    await writeFile(config, JSON.stringify({ auths: { [registry.address]: { auth } } }));
    try {
      await stack.pin();
    } finally {
      await rm(config);
    }
    assert.deepEqual([...stack.lock().values()], [digest]);
  });

  it('is refused with a wrong password, which is not told', async () => {
    const stack = await project(stackLogin(), { registryPassword: `not ${PASSWORD}` });
    await assert.rejects(
      stack.pin(),
      refusal(
        /refuses the login of "puller" for .*registryUsername and registryPassword .*HTTP 401/,
      ),
    );
    await assert.rejects(stack.lockText(), /ENOENT/);
  });
});

describe('pinning images of a registry with a login server', { skip: noRegistry }, () => {
  let registry: TestRegistry;
  let loginServer: Server;
  let digest: string;
  let issued: string[] = [];

  before(async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'tokens' }], {
      algorithm: 'sha256',
    });
    const certificate = new X509Certificate(cert).raw.toString('base64');
    /** A token as the registry checks it (distribution docs/spec/auth/jwt.md). */
    const token = (scope: string) => {
      const [type, name, actions = ''] = scope.split(':');
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        iss: 'test',
        sub: 'puller',
        aud: 'registry',
        exp: now + 300,
        nbf: now - 10,
        iat: now,
        jti: randomUUID(),
        access: [{ type, name, actions: actions.split(',') }],
      };
      const text = [{ typ: 'JWT', alg: 'RS256', x5c: [certificate] }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
      return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
    };
    loginServer = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://login');
      const scope = url.searchParams.get('scope') ?? '';
      if (request.headers.authorization !== LOGIN) return void response.writeHead(401).end();
      issued.push(`${url.searchParams.get('service')} ${scope}`);
      response.end(JSON.stringify({ token: token(scope) }));
    });
    loginServer.listen(0, '127.0.0.1');
    await once(loginServer, 'listening');
    const realm = `http://127.0.0.1:${(loginServer.address() as AddressInfo).port}/token`;
    const auth = {
      token: { realm, service: 'registry', issuer: 'test', rootcertbundle: 'FOLDER/tokens.crt' },
    };
    registry = await TestRegistry.start({ auth }, { 'tokens.crt': cert });
    const authorization = `Bearer ${token('repository:team/node:pull,push')}`;
    digest = await registry.put({ repository: 'team/node', tag: '24' }, both, 'test', {
      authorization,
    });
  });
  after(async () => {
    loginServer.close();
    await registry.stop();
  });

  it('takes a token of the login server for this repository, which the registry accepts', async () => {
    issued = [];
    const settings = {
      nodeImage: `${registry.address}/team/node:24`,
      registry: `${registry.address}/team`,
      registryUsername: 'puller',
    };
    const stack = await project(settings, { registryPassword: PASSWORD });
    await stack.pin();
    assert.deepEqual([...stack.lock().values()], [digest]);
    assert.deepEqual(issued, ['registry repository:team/node:pull']);
    const stranger = await project(
      { ...settings, registryUsername: 'stranger' },
      { registryPassword: PASSWORD },
    );
    await assert.rejects(stranger.pin(), refusal(/refuses the login of "stranger"/));
  });
});

it('S9 a base that is named by its ID is built on by the builder that knows IDs', async () => {
  const builders = async (nodeImage: string) => {
    const { resources } = await recordProgram({ config: { demo: 'true', nodeImage } });
    const images = resources.filter(({ type }) => type === 'docker:index/image:Image');
    assert.ok(images.length > 0);
    return new Set(
      images.map(({ inputs }) => (inputs.build as { builderVersion?: string }).builderVersion),
    );
  };
  const digest = `sha256:${'a'.repeat(64)}`;
  assert.deepEqual(await builders(digest), new Set(['BuilderV1']));
  assert.deepEqual(await builders(`registry.example/node@${digest}`), new Set([undefined]));
});
