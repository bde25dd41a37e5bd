/**
 * The public MCP conformance suite, with what it requires of revision 2025-11-25: against the fixture itself, and
 * against the real proxy process before that fixture.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { serveWithSdk } from '../fixtures/conformance/http.ts';
import { beforeRemote, type SetupOptions, startProxies } from '../fixtures/conformance/proxy.ts';
import { formatScenarios, runConformance, type Scenario } from '../fixtures/conformance/suite.ts';

const REVISION = '2025-11-25';
const REQUIRED = 30;
const timeout = 180_000;

/** What a server that all clients share does not offer, since it would change or tell something for others. */
const NOT_SHARED = [
  'logging-set-level',
  'tools-call-with-logging',
  'tools-call-sampling',
  'tools-call-elicitation',
  'elicitation-sep1034-defaults',
  'elicitation-sep1330-enums',
  'resources-subscribe',
  'resources-unsubscribe',
];

const BY_CALL = { CHILD_SHARING: 'call' };
/** Sessions of the suite follow one another at once, while the server of the one before is still ending. */
const BY_SESSION = { CHILD_SHARING: 'session', CHILD_COUNT: '16' };

const isRequired = ({ required }: Scenario) => required;
const hasPassed = ({ failures }: Scenario) => failures.length === 0;

/** Runs the suite and makes each required scenario a subtest of its own, so that a failure names it. */
async function passesAll(context: TestContext, url: string): Promise<void> {
  const scenarios = await runConformance(url, REVISION);
  context.diagnostic(formatScenarios(scenarios));
  const required = scenarios.filter(isRequired);
  for (const { name, failures } of required)
    await context.test(name, () => assert.deepEqual(failures, []));
  assert.equal(required.filter(hasPassed).length, REQUIRED);
  assert.equal(required.length, REQUIRED);
}

/** Runs the suite against proxies whose server is shared. */
async function passesWhatIsShared(context: TestContext, setup: SetupOptions): Promise<void> {
  await using proxies = await startProxies(setup);
  const scenarios = await runConformance(proxies.url, REVISION);
  context.diagnostic(formatScenarios(scenarios));
  const failed = scenarios.filter((scenario) => isRequired(scenario) && !hasPassed(scenario));
  assert.deepEqual(
    failed.map(({ name }) => name),
    NOT_SHARED,
  );
  assert.deepEqual(proxies.complaints, []);
}

describe(`the public conformance suite, requirements ${REVISION}`, () => {
  it('passes when the HTTP transport of the SDK serves the fixture: nothing in it is made for the proxy', {
    timeout,
  }, async (context) => {
    await using served = await serveWithSdk();
    await passesAll(context, served.url);
  });
});

describe('the same suite before a server of one client at a time', () => {
  const cases: readonly [string, SetupOptions][] = [
    ['through a proxy whose server is shared by call', { env: BY_CALL }],
    [
      'through two such proxies behind an edge that keeps a session on one of them',
      { env: BY_CALL, replicas: 2, balance: 'session' },
    ],
    ['through a proxy with a server for each session', { env: BY_SESSION }],
  ];
  for (const [how, setup] of cases)
    it(`passes ${how}`, { timeout }, async (context) => {
      await using proxies = await startProxies(setup);
      await passesAll(context, proxies.url);
      assert.deepEqual(proxies.complaints, []);
    });
});

describe('the same suite before a server that all clients share, but for what such a server cannot offer', () => {
  it('passes through one proxy', { timeout }, (context) => passesWhatIsShared(context, {}));

  it('passes through two proxies that take turns at every request', { timeout }, (context) =>
    passesWhatIsShared(context, { replicas: 2 }),
  );

  it('passes through a proxy before a remote server over HTTP', { timeout }, async (context) => {
    await using remote = await serveWithSdk();
    await passesWhatIsShared(context, { env: beforeRemote(remote.url) });
  });
});
