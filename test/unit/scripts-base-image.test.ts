import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildProxy,
  joinBundles,
  mirrorsOf,
  mirrorsOfDebootstrap,
} from '../../scripts/base-image/host-facts.ts';
import {
  BUNDLE_PATH,
  baseImageName,
  imageChanges,
  imageFiles,
  type Recipe,
} from '../../scripts/base-image/recipe.ts';

const mirrors = {
  main: 'http://mirror.example/debian',
  security: 'http://mirror.example/debian-security',
};
const recipe: Recipe = {
  architecture: 'amd64',
  mirrors,
  nodeVersion: '24.1.2',
  npmVersion: '11.0.0',
  bundle: 'PEM',
};

describe('the base image', () => {
  it('has a name that follows from what is in it', () => {
    const name = baseImageName(recipe);
    assert.match(name, /^lakehouse-mcp\/base:bookworm-node24\.1\.2-[0-9a-f]{12}$/);
    assert.equal(baseImageName({ ...recipe }), name);
    for (const change of [
      { architecture: 'arm64' },
      { mirrors: { ...mirrors, main: 'http://other.example/debian' } },
      { mirrors: { ...mirrors, security: 'http://other.example/debian-security' } },
      { nodeVersion: '24.1.3' },
      { npmVersion: '11.0.1' },
      { bundle: 'PEM2' },
      { proxy: 'http://proxy.example:3128' },
    ])
      assert.notEqual(baseImageName({ ...recipe, ...change }), name, JSON.stringify(change));
  });

  it('installs packages from this machine’s mirrors, updates and security updates included', () => {
    assert.equal(
      imageFiles(recipe, mirrors)['etc/apt/sources.list'],
      'deb http://mirror.example/debian bookworm main\n' +
        'deb http://mirror.example/debian bookworm-updates main\n' +
        'deb http://mirror.example/debian-security bookworm-security main\n',
    );
  });

  it('trusts the authorities that this machine trusts, in Node, Python and OpenSSL', () => {
    assert.equal(imageFiles(recipe, mirrors)[BUNDLE_PATH.slice(1)], 'PEM');
    for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'PIP_CERT'])
      assert.ok(imageChanges(recipe).includes(`ENV ${variable}=${BUNDLE_PATH}`), variable);
  });

  it('goes through the machine’s proxy in builds and leaves services without one', () => {
    const proxy = 'http://proxy.example:3128';
    const files = imageFiles({ ...recipe, proxy }, mirrors);
    for (const path of ['etc/apt/apt.conf.d/90image', 'usr/local/etc/npmrc', 'etc/pip.conf'])
      assert.ok(files[path]?.includes(proxy), path);
    assert.ok(
      !imageChanges({ ...recipe, proxy })
        .join('\n')
        .includes('proxy'),
    );
    assert.equal(imageFiles(recipe, mirrors)['etc/pip.conf'], undefined);
  });
});

describe('what this machine brings into images', () => {
  it('is its proxy, unless that holds a password or is out of a container’s reach', () => {
    assert.deepEqual(buildProxy({ https_proxy: 'http://p.example:1' }), {
      url: 'http://p.example:1',
    });
    assert.deepEqual(buildProxy({ HTTP_PROXY: 'http://me:secret@p.example:1' }), {
      refused: 'p.example:1',
    });
    assert.deepEqual(buildProxy({ http_proxy: 'http://127.0.0.1:3128' }), {
      refused: '127.0.0.1:3128',
    });
    assert.deepEqual(buildProxy({}), {});
  });

  it('is its Debian mirror, with the security updates beside it unless they are elsewhere', () => {
    assert.deepEqual(
      mirrorsOf(
        'https://other.example/apt Some Vendor\nhttp://m.example/debian/ Debian\nhttp://m.example/security/ Debian-Security\n',
      ),
      { main: 'http://m.example/debian', security: 'http://m.example/security' },
    );
    assert.deepEqual(mirrorsOf('http://m.example/debian Debian\n'), {
      main: 'http://m.example/debian',
      security: 'http://m.example/debian-security',
    });
  });

  it('is debootstrap’s own mirror where this machine’s packages are not Debian’s', () => {
    assert.equal(mirrorsOf('http://archive.example/ubuntu/ Ubuntu\n'), undefined);
    assert.deepEqual(mirrorsOfDebootstrap('SUITE=x\nDEF_MIRROR="http://d.example/debian"\n'), {
      main: 'http://d.example/debian',
      security: 'http://d.example/debian-security',
    });
    assert.equal(mirrorsOfDebootstrap('nothing of the kind'), undefined);
  });

  it('is every authority once', () => {
    const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`;
    assert.equal(
      joinBundles(`# comment\n${pem('a')}\n${pem('b')}\n`, `${pem('b')}\n${pem('c')}`),
      `${pem('a')}\n${pem('b')}\n${pem('c')}\n`,
    );
  });
});
