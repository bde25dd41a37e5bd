import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import {
  IMAGE_LOCK,
  ImageLockError,
  isImageId,
  namesContent,
  parseImageLock,
  parseReference,
  pinned,
  readImageLock,
  THIRD_PARTY_IMAGES,
} from '../../infra/image-lock.ts';
import { lockText } from '../../scripts/pin/lock-file.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const lock = new Map([
  ['docker.io/library/node:24-bookworm-slim', digest('a')],
  ['localhost:5000/team/node', digest('b')],
]);

describe('an image by content', () => {
  it('S9 keeps registry and repository and changes its tag for the digest of the lock', () => {
    assert.equal(
      pinned('docker.io/library/node:24-bookworm-slim', lock),
      `docker.io/library/node@${digest('a')}`,
    );
    assert.equal(
      pinned('localhost:5000/team/node', lock),
      `localhost:5000/team/node@${digest('b')}`,
    );
  });

  it('S9 is itself where it carries a digest or is the ID of an image, whatever the lock says', () => {
    for (const reference of [
      digest('c'),
      `node@${digest('c')}`,
      `registry.example:5000/node:24@${digest('c')}`,
    ]) {
      assert.equal(pinned(reference, lock), reference);
      assert.ok(namesContent(reference));
    }
  });

  it('S9 is not to be had for a reference that the lock does not have as it is spelled', () => {
    for (const reference of [
      'node:24-bookworm-slim',
      'docker.io/library/node:25',
      'constructor',
      '',
    ])
      assert.equal(pinned(reference, lock), undefined, reference);
    assert.equal(namesContent('node@sha256:abc'), false);
    assert.equal(isImageId(digest('c')), true);
    assert.equal(isImageId(`node@${digest('c')}`), false);
  });

  it('is asked of the lock of the repository, which is valid and written as the command writes it', () => {
    const text = readFileSync(IMAGE_LOCK, 'utf8');
    assert.equal(lockText(readImageLock()), text);
    assert.equal(pinned('registry.example/nobody/has:this'), undefined);
  });
});

describe('the lock of images', () => {
  for (const [what, text, message] of [
    ['broken', '{', /^images\.lock\.json is not JSON\. Correct it, or remove it.*npm run pin/],
    ['a list', '[]', /is not a JSON object from image reference to digest/],
    ['a text', '"x"', /is not a JSON object/],
    [
      'without a reference',
      `{"Node 24":"${digest('a')}"}`,
      /has the entry "Node 24", which is not/,
    ],
    ['with a digest as its key', `{"node@${digest('a')}":"${digest('a')}"}`, /needs no entry/],
    ['with half a digest', '{"node:24":"sha256:abc"}', /gives "node:24" the digest "sha256:abc"/],
    ['with another value', '{"node:24":{"digest":1}}', /gives "node:24" the digest \{"digest":1\}/],
    [
      'with an entry twice',
      `{"node:24":"${digest('a')}","node:24":"${digest('b')}"}`,
      /has the entry "node:24" twice/,
    ],
  ] as const)
    it(`that is ${what} is refused by name and entry`, () => {
      assert.throws(
        () => parseImageLock(text),
        (error) => error instanceof ImageLockError && message.test(error.message),
      );
    });

  it('that is missing names its path and the command that makes it', () => {
    assert.throws(
      () => readImageLock('/nowhere/images.lock.json'),
      /^ImageLockError: \/nowhere\/images\.lock\.json cannot be read\. Make it: npm run pin$/,
    );
  });

  it('is for every setting that names an image', () => {
    const { config } = parse(readFileSync(new URL('../../Pulumi.yaml', import.meta.url), 'utf8'));
    const declared = Object.keys(config).filter((key) => key.endsWith('Image'));
    for (const key of declared)
      assert.ok((THIRD_PARTY_IMAGES as readonly string[]).includes(key), key);
  });
});

describe('an image reference', () => {
  it('is taken apart as Docker does it', () => {
    assert.deepEqual(parseReference('node'), { name: 'node', path: 'node' });
    assert.deepEqual(parseReference('team/node:24'), {
      name: 'team/node',
      path: 'team/node',
      tag: '24',
    });
    assert.deepEqual(parseReference(`localhost:5000/a/b:c@${digest('a')}`), {
      name: 'localhost:5000/a/b',
      registry: 'localhost:5000',
      path: 'a/b',
      tag: 'c',
      digest: digest('a'),
    });
    assert.equal(parseReference('localhost:5000')?.tag, '5000');
    assert.equal(parseReference('[::1]:5000/node')?.registry, '[::1]:5000');
  });

  for (const wrong of [
    '',
    ':24',
    'Node',
    'a//b',
    '-a.b/node',
    'node:',
    'node@sha256:12',
    'a/b:c:d',
  ])
    it(`is not "${wrong}"`, () => assert.equal(parseReference(wrong), undefined));

  it('is put together again from its parts', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|-)[a-z0-9]{1,4}){0,2}$/);
    const registry = fc.option(fc.constantFrom('localhost', 'registry.example:5000', 'docker.io'));
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/));
    fc.assert(
      fc.property(
        registry,
        fc.array(part, { minLength: 1, maxLength: 3 }),
        tag,
        (host, parts, version) => {
          // Without a registry, a first part with a dot would be one.
          const path = (host === null ? ['library', ...parts] : parts).join('/');
          const name = host === null ? path : `${host}/${path}`;
          const found = parseReference(version === null ? name : `${name}:${version}`);
          assert.equal(found?.name, name);
          assert.equal(found?.path, path);
          assert.equal(found?.registry, host ?? undefined);
          assert.equal(found?.tag, version ?? undefined);
        },
      ),
    );
  });
});
