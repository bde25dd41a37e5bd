import assert from 'node:assert/strict';
import { test } from 'node:test';
import type Dockerode from 'dockerode';
import type { Context } from '../../local/resource-type.ts';
import { checkLogin, hostOf, pushImage, repositoryOf } from '../../local/resources/image-push.ts';
import { dataProblems, secret } from '../../local/resources/secret.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('data of a secret is standard base64 of a size that Swarm takes', () => {
  assert.deepEqual(dataProblems(base64('x')), []);
  assert.deepEqual(dataProblems(base64('a password?>~ü')), []);
  assert.match(String(dataProblems('')), /between 1 and 511999 bytes/);
  assert.match(String(dataProblems(base64('x'.repeat(512_000)))), /it has 512000/);
});

test('data that is not base64 is refused without being shown', () => {
  for (const data of ['topsecret', 'topsecre_-==', 'dG9wc2VjcmV0\n', 'dG9wc2Vjcg=']) {
    const said = String(dataProblems(data));
    assert.match(said, /^data must be standard base64/, data);
    assert.ok(!said.includes(data.trim()), said);
  }
});

/** A Swarm with these secrets, which records what is asked of it. */
function swarm(present: { ID: string; Name: string; label?: string }[]) {
  const removed: string[] = [];
  const sent: Record<string, unknown>[] = [];
  const docker = {
    listSecrets: async () =>
      present.map(({ ID, Name, label }) => ({
        ID,
        Spec: { Name, Labels: label === undefined ? {} : { 'lakehouse.inputs': label } },
      })),
    getSecret: (id: string) => ({ remove: async () => void removed.push(id) }),
    createSecret: async (options: Record<string, unknown>) => {
      sent.push(options);
      return { id: 'made' };
    },
  } as unknown as Dockerode;
  const context = {
    docker: async () => docker,
    isOwn: (label: string | undefined) => label?.startsWith('own.'),
    isKnown: (id: string) => id === 'known',
  } as unknown as Context;
  return { context, removed, sent };
}

const wanted = {
  name: 'password-1234567',
  inputs: { data: base64('topsecret'), labels: [{ label: 'a', value: 'b' }] },
  label: 'own.print',
  begun: () => {},
};

test('the data travels in the body of the request and never in its address', async () => {
  const { context, sent } = swarm([]);
  assert.deepEqual(await secret.create(context, wanted), {
    id: 'made',
    outputs: { name: 'password-1234567' },
  });
  assert.deepEqual(sent, [
    {
      _query: {},
      _body: {
        Name: 'password-1234567',
        Labels: { a: 'b', 'lakehouse.inputs': 'own.print' },
        Data: base64('topsecret'),
      },
    },
  ]);
});

test('what a killed run left goes, what the state knows or others made stays', async () => {
  const { context, removed } = swarm([
    { ID: 'left', Name: 'password-0000000', label: 'own.before' },
    { ID: 'known', Name: 'password-1111111', label: 'own.before' },
    { ID: 'other', Name: 'else', label: 'else.print' },
    { ID: 'bare', Name: 'bare' },
  ]);
  await secret.create(context, wanted);
  assert.deepEqual(removed, ['left']);
});

test('a name that is taken is said with the command that frees it', async () => {
  const { context } = swarm([{ ID: 'other', Name: 'password-1234567' }]);
  await assert.rejects(
    async () => secret.create(context, wanted),
    /docker secret rm password-1234567/,
  );
});

test('a registry is known by host and port, and an image by its name without the tag', () => {
  assert.equal(hostOf('https://r.example:5000/v2/'), 'r.example:5000');
  assert.equal(hostOf('r.example'), 'r.example');
  assert.equal(repositoryOf('r:5000/a/b:tag'), 'r:5000/a/b');
  assert.equal(repositoryOf('r:5000/a/b'), 'r:5000/a/b');
});

const registry = { server: 'r:5000', username: 'me', password: 'topsecret' };

function pushing(...events: object[]): Dockerode {
  const lines = events.map((event) => `${JSON.stringify(event)}\n`);
  return {
    checkAuth: async () => {
      throw Object.assign(new Error('x'), { statusCode: 500, json: { message: 'unauthorized' } });
    },
    getImage: () => ({
      push: async () =>
        (async function* () {
          yield* lines;
        })(),
    }),
  } as unknown as Dockerode;
}

test('a push returns the digest that the registry has', async () => {
  const docker = pushing({ status: 'Pushing' }, { aux: { Tag: 't', Digest: 'sha256:1' } });
  assert.equal(await pushImage(docker, 'r:5000/a:t', registry, () => {}), 'sha256:1');
});

test('a refused login or push names the registry and the settings, and no password', async () => {
  const failures = [
    checkLogin(pushing(), registry),
    pushImage(pushing({ error: 'denied' }), 'r:5000/a:t', registry, () => {}),
    pushImage(pushing(), 'r:5000/a:t', registry, () => {}),
  ];
  const said = await Promise.all(failures.map((failed) => failed.then(String, String)));
  assert.match(said[0] ?? '', /login as "me" at the registry r:5000 failed: unauthorized/);
  assert.match(said[1] ?? '', /push of "r:5000\/a:t" to the registry r:5000 failed: denied/);
  assert.match(said[2] ?? '', /it said no digest/);
  for (const message of said) {
    assert.match(message, /settings registry, registryUsername and registryPassword/);
    assert.ok(!message.includes('topsecret'));
  }
});
