import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as pulumi from '@pulumi/pulumi';
import { madeSecret } from '../../infra/made-secret.ts';
import { planRotation } from '../../scripts/rotate/plan.ts';

interface Valid {
  readonly signs: string;
  readonly accepts: readonly string[];
}

const read = (output: pulumi.Output<string>) =>
  new Promise<string>((resolve) => output.apply(resolve));

describe('a secret of sessions that is rotated twice in a row', () => {
  before(async () => {
    // What a slot holds follows from what it was filled for, as long as nothing fills it anew.
    await pulumi.runtime.setMocks({
      newResource: ({ name, inputs }) => ({
        id: name,
        state: { result: `${name} of ${inputs.keepers?.generation ?? 0}` },
      }),
      call: () => ({}),
    });
  });

  /** As the program makes it of the settings. */
  async function made(settings: ReadonlyMap<string, string>): Promise<Valid> {
    const { current, beside } = madeSecret(
      'session-secret',
      Number(settings.get('sessionSecretGeneration')),
      settings.get('sessionSecretNext') === 'true' ? 'next' : 'previous',
      new pulumi.ComponentResource('test:index:Test', 'test'),
    );
    const signs = await read(current);
    return { signs, accepts: beside === undefined ? [signs] : [signs, await read(beside)] };
  }

  it('is known to each proxy before another one signs with it, and ends no session of the rotation before', async () => {
    const settings = new Map([
      ['platform', 'swarm'],
      ['sessionSecretGeneration', '0'],
    ]);
    const deployments = [await made(settings)];
    for (const _ of ['once', 'twice']) {
      const { steps } = planRotation('session-secret', settings, { finish: false });
      for (const step of steps) {
        for (const [key, value] of Object.entries(step)) settings.set(key, value);
        deployments.push(await made(settings));
      }
    }
    // While one deployment follows the other, proxies of both serve.
    for (const [index, next] of deployments.entries()) {
      const present = deployments[index - 1];
      if (present === undefined) continue;
      assert.ok(next.accepts.includes(present.signs), `${index}: sessions that are open go on`);
      assert.ok(present.accepts.includes(next.signs), `${index}: those that begin do, too`);
    }
    assert.equal(new Set(deployments.map(({ signs }) => signs)).size, 3);
    const [last, before] = [deployments.at(-1), deployments.at(-3)];
    assert.ok(last?.accepts.includes(before?.signs ?? ''));
  });
});
