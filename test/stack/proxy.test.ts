/** What of the config reaches the proxy, and what a change of it touches. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { inspectSettings } from '../../images/kit/src/settings.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { proxyMemoryMiB } from '../../infra/proxy.ts';
import type { RecordedProgram } from '../fixtures/stack/record.ts';
import { recordProgram } from '../helpers/pulumi-program.ts';

const container = (program: RecordedProgram, wanted: string) => {
  const found = program.resources.find(
    ({ type, name }) => type.endsWith(':Container') && name === wanted,
  );
  assert.ok(found, `the program makes a container "${wanted}"`);
  return found;
};
const environment = (program: RecordedProgram): Record<string, string> =>
  Object.fromEntries(
    (container(program, 'proxy').inputs.envs as string[]).map((entry) => {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(entry) ?? [];
      return [name, value];
    }),
  );
/** What the service itself says of the environment that it would get. */
const asTheProxyReadsIt = (program: RecordedProgram) =>
  inspectSettings(proxySettings, environment(program));

/** Each config key with a value that is not its default, the proxy's variable, and what the proxy makes of it. */
const REACHES = [
  ['toolsAllow', 'Get*, RunSqlQuery', 'toolsAllow', ['Get*', 'RunSqlQuery']],
  ['toolsDeny', 'GetUsefulSystemTableNames', 'toolsDeny', ['GetUsefulSystemTableNames']],
  ['toolsReadOnly', 'true', 'toolsReadOnly', true],
  ['auditSql', 'true', 'auditSql', true],
  ['callTimeout', '300', 'callTimeout', 300],
  ['clientAnswerTimeout', '30', 'clientAnswerTimeout', 30],
  ['maxInFlight', '4096', 'maxInFlight', 4096],
  ['maxInFlightPerKey', '8', 'maxInFlightPerKey', 8],
  ['maxInFlightPerSession', '4', 'maxInFlightPerSession', 4],
  ['queueLength', '0', 'queueLength', 0],
  ['queueWait', '0.5', 'queueWait', 0.5],
  ['childCount', '3', 'childCount', 3],
  ['childSharing', 'call', 'childSharing', 'call'],
  ['childMaxCalls', '1000', 'childMaxCalls', 1000],
  ['childMaxAge', '86400', 'childMaxAge', 86_400],
  ['childMaxMemory', '400', 'childMaxMemory', 400],
  ['childIdle', '60', 'childIdle', 60],
] as const;

const CURRENT = 'current-key-0123456789';
const NEXT = 'next-key-0123456789';
const keys = (mcpKeys: object) => ({ mcpKeys: JSON.stringify(mcpKeys) });

describe('the proxy of a stack', () => {
  let usual: RecordedProgram;
  let tuned: RecordedProgram;
  let rotating: RecordedProgram;
  before(async () => {
    const demo = { demo: 'true' };
    const config = Object.fromEntries(REACHES.map(([key, value]) => [key, value]));
    [usual, tuned, rotating] = await Promise.all([
      recordProgram({ config: demo, secrets: keys({ agent: CURRENT }) }),
      recordProgram({ config: { ...demo, ...config }, secrets: keys({ agent: CURRENT }) }),
      recordProgram({ config: demo, secrets: keys({ agent: [CURRENT, NEXT] }) }),
    ]);
  });

  it('takes every setting that it is given, with and without changes', () => {
    for (const program of [usual, tuned]) assert.deepEqual(asTheProxyReadsIt(program).problems, []);
  });

  it('gets what the config says', () => {
    const { values } = asTheProxyReadsIt(tuned);
    for (const [key, , setting, expected] of REACHES)
      assert.deepEqual(values[setting], expected, key);
  });

  it('has its own defaults in a stack that says nothing else', () => {
    const defaults = inspectSettings(proxySettings, {}).values;
    const { values } = asTheProxyReadsIt(usual);
    for (const [key, , setting] of REACHES)
      assert.deepEqual(values[setting], defaults[setting], key);
  });

  it('may use memory for itself, its children, and two more while they are replaced', () => {
    const limits = (program: RecordedProgram) => {
      const { memory, memorySwap } = container(program, 'proxy').inputs;
      return [memory, memorySwap];
    };
    assert.deepEqual(limits(usual), [256 + 3 * 160, 256 + 3 * 160]);
    const grown = 256 + 5 * 400;
    assert.deepEqual(limits(tuned), [grown, grown], 'a child may grow until it is replaced');
    assert.equal(proxyMemoryMiB({ count: 16, maxMemoryMiB: 0 }), 256 + 18 * 160);
  });

  it('is left alone when keys change: only the file with the keys is made anew', () => {
    const changed = rotating.resources.filter(
      ({ inputs }, index) =>
        JSON.stringify(inputs) !== JSON.stringify(usual.resources[index]?.inputs),
    );
    assert.deepEqual(
      changed.map(({ name }) => name),
      ['proxy-live-secrets'],
    );
    const uploads = JSON.stringify(container(rotating, 'proxy-live-secrets').inputs.uploads);
    assert.match(uploads, /"file":"\/run\/secrets\/mcp-keys\.json\.next"/);
    assert.match(uploads, /\{\\"agent\\":\[\\"current-key-0123456789\\",\\"next-key-0123456789\\"/);
    assert.match(uploads, /"secret":/);
  });

  it('has clients whose current keys are an output, secret', () => {
    assert.deepEqual(rotating.outputs.mcpKeys, { value: { agent: CURRENT }, secret: true });
    assert.equal(rotating.outputs.clientConfig?.secret, true);
    assert.match(JSON.stringify(rotating.outputs.clientConfig), /Bearer current-key-0123456789/);
  });
});
