import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Raw } from '../../infra/config/keys.ts';
import { productionProblems, readProduction } from '../../infra/config/production.ts';

type Given = Partial<Raw>;

/** A production stack as someone sets it who reads the documentation. */
const SOUND: Given = {
  platform: 'swarm',
  demo: false,
  domain: 'mcp.lakes.test',
  dremioUrl: new URL('https://dremio.lakes.test:9047'),
  dremioUsername: 'analyst',
  dremioPassword: 'h5-Gr9.wq7-Lm2',
  tlsMode: 'acme',
  tlsEndsElsewhere: false,
  httpsPort: 443,
  httpPort: 80,
  childSharing: 'shared',
  proxyReplicas: 2,
  nodeLabel: 'lakehouse=true',
};
const problems = (more: Given, { stack = 'prod', preview = false } = {}) =>
  productionProblems({ ...SOUND, ...more }, { stack, now: Date.now(), preview });

describe('the config of a production stack', () => {
  it('has no problem when it is sound', () => assert.deepEqual(problems({}), []));

  type Refused = readonly [what: string, given: Given, message: RegExp];
  const promised: readonly Refused[] = [
    ['a default password', { dremioPassword: 'Dremio-123456789' }, /"dremioPassword" is a default/],
    ['a short password', { dremioPassword: 'Zr4.pq' }, /"dremioPassword" has less than 12/],
    [
      'plain http to Dremio',
      { dremioUrl: new URL('http://dremio:9047') },
      /go in clear.*--set dremioInternal=true/,
    ],
    [
      'plain http to itself without a word of where TLS ends',
      { tlsMode: 'none', publicUrl: 'https://x.test' },
      /travel in clear/,
    ],
  ];
  const refused: readonly Refused[] = [
    ['a demo Dremio', { demo: true }, /^"demo" is true.*--set demo=false/],
    ['no domain', { domain: undefined as never }, /^"domain" is not set.*--set domain=/],
    ['an example as domain', { domain: 'lakehouse.example.com' }, /"domain" names .*, an example/],
    [
      'an example as Dremio',
      { dremioUrl: new URL('https://dremio.example.com:9047') },
      /"dremioUrl" names dremio.example.com, an example/,
    ],
    ['one port twice', { httpPort: 443 }, /both are 443/],
    [
      'no TLS without the URL of clients',
      { tlsMode: 'none', tlsEndsElsewhere: true },
      /"publicUrl" is not set/,
    ],
    ['TLS here and elsewhere', { tlsEndsElsewhere: true }, /"tlsEndsElsewhere" is true and/],
    [
      'files of another mode',
      { acmeEmail: 'ops@lakes.test', tlsMode: 'internal' },
      /"acmeEmail" is set and "tlsMode" is internal.*--unset acmeEmail/,
    ],
    [
      'half a login of a registry',
      { registry: 'registry.test/lake', registryUsername: 'ci' },
      /"registryUsername" is set without "registryPassword".*--set-secret registryPassword/,
    ],
    [
      'a login of no registry',
      { registryUsername: 'ci', registryPassword: 'x' },
      /without "registry"/,
    ],
    [
      'a process per session on several proxies',
      { childSharing: 'session' },
      /"proxyReplicas" is 2.*--set proxyReplicas=1/,
    ],
  ];
  const isRefused = (given: Given, message: RegExp) => {
    const found = problems(given);
    assert.ok(
      found.some((problem) => message.test(problem)),
      `one of ${JSON.stringify(found)} matches ${message}`,
    );
  };
  for (const [what, given, message] of promised)
    it(`S10 refuses ${what}`, () => isRefused(given, message));
  for (const [what, given, message] of refused)
    it(`refuses ${what}`, () => isRefused(given, message));

  it('S10 takes plain http whose TLS terminator is declared', () => {
    const declared = { tlsEndsElsewhere: true, publicUrl: 'https://mcp.lakes.test' };
    assert.deepEqual(problems({ tlsMode: 'none', ...declared }), []);
  });

  it('names every missing part of a certificate in files at once', () => {
    assert.deepEqual(
      problems({ tlsMode: 'files' }).map((problem) => problem.split(' ')[0]),
      ['"tlsCertificate"', '"tlsKey"'],
    );
  });

  it('takes examples in a preview', () => {
    assert.deepEqual(problems({ domain: 'lakehouse.example.com' }, { preview: true }), []);
  });

  it('bounds the name of the stack, since names of secrets are made of it', () => {
    assert.match(problems({}, { stack: 'a'.repeat(21) })[0] ?? '', /at most 20 characters/);
    assert.deepEqual(problems({}, { stack: 'a'.repeat(20) }), []);
  });

  it('is refused on plain containers, where it would mean nothing', () => {
    const found = problems({ platform: 'containers', acmeEmail: 'ops@lakes.test' });
    assert.equal(found.length, 3);
    assert.match(found[0] ?? '', /The stack "prod" is on plain containers/);
    assert.match(found[1] ?? '', /"domain" is set and "platform" is containers/);
    assert.match(found[2] ?? '', /"acmeEmail" is set/);
  });
});

describe('the URL of a production stack', () => {
  const url = (more: Given) => readProduction({ ...SOUND, ...more } as Raw)?.publicUrl;

  it('is made of domain, port and path', () => {
    assert.equal(url({}), 'https://mcp.lakes.test');
    assert.equal(
      url({ httpsPort: 8443, pathPrefix: '/lakehouse' }),
      'https://mcp.lakes.test:8443/lakehouse',
    );
  });

  it('is what the config says where something stands in front', () => {
    assert.equal(
      url({ publicUrl: 'https://data.lakes.test/mcp-lake' }),
      'https://data.lakes.test/mcp-lake',
    );
  });
});
