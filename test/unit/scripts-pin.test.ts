import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseReference } from '../../infra/image-lock.ts';
import { CommandError } from '../../scripts/command-error.ts';
import { parseChallenge } from '../../scripts/pin/challenge.ts';
import { credentialsFor, fromDockerConfig } from '../../scripts/pin/credentials.ts';
import { locate, registryName } from '../../scripts/pin/location.ts';
import { readLockFile, writeLockFile } from '../../scripts/pin/lock-file.ts';
import { parseManifest } from '../../scripts/pin/manifest.ts';
import { report } from '../../scripts/pin/report.ts';
import { styleFor } from '../../scripts/terminal/style.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const place = (text: string) => {
  const reference = parseReference(text);
  assert.ok(reference);
  return locate(reference);
};

describe('where an image is', () => {
  it('is Docker Hub where no registry is named, under its own address and with its library', () => {
    const hub = {
      registry: 'docker.io',
      origin: 'https://registry-1.docker.io',
      repository: 'library/node',
      tag: '24',
    };
    for (const text of ['node:24', 'docker.io/node:24', 'docker.io/library/node:24'])
      assert.deepEqual(place(text), hub);
    assert.equal(place('caddy').tag, 'latest');
    assert.equal(place('team/node').repository, 'team/node');
  });

  it('is asked by TLS, but for a registry on this machine', () => {
    assert.equal(place('registry.example:5000/node').origin, 'https://registry.example:5000');
    assert.equal(place('10.0.0.1:5000/node').origin, 'https://10.0.0.1:5000');
    for (const host of ['localhost:5000', '127.0.0.1:5000', '127.8.0.1', '[::1]:5000'])
      assert.equal(place(`${host}/node`).origin, `http://${host}`);
    assert.equal(place('127.0.0.1.example/node').origin, 'https://127.0.0.1.example');
  });

  it('has one name, whatever Docker calls it', () => {
    for (const name of ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io/team'])
      assert.equal(registryName(name), 'docker.io');
    assert.equal(registryName('https://Registry.example:5000/v2/'), 'registry.example:5000');
  });
});

describe('what a registry wants', () => {
  it('is a token from the server that it names', () => {
    const header =
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"';
    assert.deepEqual(parseChallenge(header), {
      scheme: 'bearer',
      realm: new URL('https://auth.example/token'),
      service: 'registry.example',
    });
  });

  it('is found among several challenges, in any spelling', () => {
    assert.deepEqual(parseChallenge('Negotiate, basic realm="a \\"quoted\\", one"'), {
      scheme: 'basic',
    });
    assert.equal(
      parseChallenge('Digest realm="x", nonce="y", BEARER Realm=https://auth.example/t')?.scheme,
      'bearer',
    );
  });

  for (const header of ['', 'Negotiate', 'Bearer realm="nowhere"', 'Bearer', '=,=", "'])
    it(`is not known from ${JSON.stringify(header)}`, () =>
      assert.equal(parseChallenge(header), undefined));
});

describe('a login for a registry', () => {
  const auth = (text: string) => Buffer.from(text).toString('base64');
  const config = JSON.stringify({
    auths: {
      'https://index.docker.io/v1/': { auth: auth('me:hub:password') },
      'registry.example:5000': { auth: auth('you:other password\0\0') },
      'empty.example': {},
      'token.example': { auth: auth('x:y'), identitytoken: 'opaque' },
      'broken.example': { auth: auth('no colon, secret') },
    },
    credHelpers: { 'helped.example': 'pass' },
    credsStore: 'desktop',
  });
  const read = (registry: string) => fromDockerConfig(config, registry, 'config.json');

  it('is the one that docker login wrote for it', () => {
    assert.deepEqual(read('docker.io'), {
      kind: 'login',
      login: { username: 'me', password: 'hub:password', from: 'config.json' },
    });
    assert.deepEqual(read('registry.example:5000'), {
      kind: 'login',
      login: { username: 'you', password: 'other password', from: 'config.json' },
    });
  });

  it('that a helper or an identity token keeps is not asked for, and said to be there', () => {
    for (const [registry, where] of [
      ['helped.example', 'the credential helper "pass" that config.json names'],
      ['empty.example', 'the credential helper "desktop" that config.json names'],
      ['unknown.example', 'the credential helper "desktop" that config.json names'],
      ['token.example', 'an identity token in config.json'],
    ] as const)
      assert.deepEqual(read(registry), { kind: 'kept-elsewhere', where });
    assert.deepEqual(fromDockerConfig('{}', 'docker.io', 'config.json'), { kind: 'none' });
    assert.deepEqual(fromDockerConfig('null', 'docker.io', 'config.json'), { kind: 'none' });
  });

  it('that cannot be read is an error which quotes nothing of it', () => {
    for (const text of [config, '{"auths": secret'])
      assert.throws(
        () => fromDockerConfig(text, 'broken.example', 'config.json'),
        (error) =>
          error instanceof CommandError &&
          /^Docker's logins in config\.json cannot be used/.test(error.message) &&
          !/secret/.test(error.message + error.advice),
      );
  });

  it("is the stack's own for the stack's registry, and for no other", async () => {
    const stack = {
      registry: 'registry.example:5000/team',
      username: 'robot',
      password: async () => 'of the stack',
    };
    const nowhere = { DOCKER_CONFIG: '/nowhere' };
    const own = await credentialsFor('registry.example:5000', stack, nowhere);
    assert.equal(own.kind === 'login' && own.login.password, 'of the stack');
    assert.deepEqual(await credentialsFor('docker.io', stack, nowhere), { kind: 'none' });
    await assert.rejects(
      credentialsFor(
        'registry.example:5000',
        { ...stack, password: async () => undefined },
        nowhere,
      ),
      /registryUsername is set for registry\.example:5000, and registryPassword is not/,
    );
  });
});

describe('a manifest', () => {
  const index = 'application/vnd.oci.image.index.v1+json';
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));

  it('of several platforms names them, without what is no platform', () => {
    const manifests = [
      { platform: { os: 'linux', architecture: 'amd64' } },
      { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { platform: { os: 'unknown', architecture: 'unknown' } },
      {},
    ];
    assert.deepEqual(parseManifest(`${index}; charset=utf-8`, json({ manifests })), {
      kind: 'index',
      platforms: ['linux/amd64', 'linux/arm64'],
    });
  });

  it('of another format, or broken, is none', () => {
    const old = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    assert.equal(parseManifest(old, json({ schemaVersion: 1 })), undefined);
    assert.equal(parseManifest(index, Buffer.from('{')), undefined);
    assert.equal(parseManifest(index, json({ manifests: 3 })), undefined);
    assert.equal(parseManifest('', json({ config: { digest: digest('a') } })), undefined);
  });
});

describe('npm run pin', () => {
  const image = (state: object) =>
    ({ setting: 'nodeImage', reference: 'docker.io/library/node:24', ...state }) as Parameters<
      typeof report
    >[0][number];
  const text = (state: object, check: boolean, others: string[] = []) =>
    report([image(state)], new Map(others.map((name) => [name, digest('f')])), {
      check,
      command: 'npm run pin',
      style: styleFor(process.stdout),
    });

  it('tells both digests where the registry has moved, and the command that takes the new one', () => {
    const moved = { state: 'moved', before: digest('a'), now: digest('b') };
    assert.match(
      text(moved, true),
      new RegExp(
        `✗ nodeImage +docker\\.io/library/node:24\\n +is pinned to ${digest('a')}; the registry now serves ${digest('b')}\n[\\s\\S]*npm run pin\n$`,
      ),
    );
    assert.match(text(moved, false), new RegExp(`pinned to ${digest('b')}; it was ${digest('a')}`));
  });

  it('says what is not pinned, what is as it should be, and what this stack does not use', () => {
    assert.match(text({ state: 'new', now: digest('a') }, true), /✗ .*\n +is not pinned; the reg/);
    assert.match(text({ state: 'new', now: digest('a') }, false), /✓ [\s\S]*; commit it\.\n$/);
    assert.match(text({ state: 'by content' }, true), /names its content itself/);
    assert.match(
      text({ state: 'same', now: digest('a') }, true, ['caddy:2']),
      /as pinned\n· Not used by this stack.*: caddy:2\n\nimages\.lock\.json is what the registries serve\.\n$/,
    );
  });

  it('writes the lock sorted, an entry a line, for all to read, and leaves nothing else behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lakehouse-test-'));
    const path = join(folder, 'images.lock.json');
    assert.equal((await readLockFile(path)).size, 0);
    await writeLockFile(
      path,
      new Map([
        ['node:24', digest('a')],
        ['caddy:2', digest('b')],
      ]),
    );
    assert.equal(
      readFileSync(path, 'utf8'),
      `{\n  "caddy:2": "${digest('b')}",\n  "node:24": "${digest('a')}"\n}\n`,
    );
    assert.equal(statSync(path).mode & 0o777, 0o644 & ~process.umask());
    assert.deepEqual(readdirSync(folder), ['images.lock.json']);
    rmSync(folder, { recursive: true });
  });
});
