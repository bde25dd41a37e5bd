/**
 * The same program deployed by the Pulumi CLI and by the runner. Needs the CLI with its docker and random plugins on
 * PATH, and a Docker engine; says so where they are missing.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ContainerInspectInfo } from 'dockerode';
import { lakehouse, lakehouseOk } from '../helpers/lakehouse-command.ts';
import { noPulumi, pulumiOk } from '../helpers/pulumi-cli.ts';
import { docker, freePort, removeImages } from '../helpers/stack.ts';

/** Sets in another order are the same, and so is a field that is empty and one that is not there. */
function normal(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(normal).sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([key, inner]) => [key, normal(inner)] as const)
    .filter(
      ([, inner]) =>
        inner !== null && JSON.stringify(inner) !== '{}' && JSON.stringify(inner) !== '[]',
    );
  return Object.fromEntries(kept.sort(([a], [b]) => a.localeCompare(b)));
}

/** What the two engines must agree on; names, ids, addresses and times differ. */
function comparable(details: ContainerInspectInfo, stack: string, port: number): unknown {
  const { Config, HostConfig, NetworkSettings } = details;
  const { Hostname: _hostname, Image: _image, Labels: labels, ...config } = Config;
  const { 'lakehouse.secrets': _secrets, 'lakehouse.inputs': _inputs, ...kept } = labels;
  // The provider makes a container on the default bridge and moves it before its start; the runner makes it on its
  // first network. What it is connected to is compared below.
  const { ContainerIDFile: _file, NetworkMode: _mode, ...host } = HostConfig;
  const networks = Object.entries(NetworkSettings.Networks).map(([name, { Aliases }]) => [
    name,
    // The engine adds the container's short id as an alias.
    ((Aliases ?? []) as string[]).filter((alias) => !details.Id.startsWith(alias)),
  ]);
  const text = JSON.stringify(normal({ config: { ...config, Labels: kept }, host, networks }));
  return JSON.parse(text.replaceAll(stack, '<stack>').replaceAll(`"${port}"`, '"<port>"'));
}

describe('the Pulumi CLI and the runner', { skip: noPulumi }, () => {
  const id = randomBytes(3).toString('hex');
  const stacks = {
    pulumi: { name: `test-p${id}`, port: 0 },
    local: { name: `test-l${id}`, port: 0 },
  };
  const components = [
    'demo',
    'refresher',
    'proxy',
    'demo-secrets',
    'refresher-secrets',
    'proxy-secrets',
    'proxy-live-secrets',
  ];

  before(async () => {
    for (const [engine, stack] of Object.entries(stacks)) {
      stack.port = await freePort();
      await lakehouseOk([
        'up',
        ...['--stack', stack.name, '--engine', engine],
        ...['--set', 'demo=true', '--set', `mcpPort=${stack.port}`],
      ]);
    }
  });
  after(async () => {
    for (const { name } of Object.values(stacks)) {
      await lakehouse(['down', '--stack', name, '--delete-data', '--yes']);
      await removeImages(name);
    }
  });

  for (const component of components)
    it(`make the same container of ${component}`, async () => {
      const [byPulumi, byRunner] = await Promise.all(
        Object.values(stacks).map(async ({ name, port }) =>
          comparable(
            await docker.getContainer(`lakehouse-${name}-${component}`).inspect(),
            name,
            port,
          ),
        ),
      );
      assert.deepEqual(byRunner, byPulumi);
    });

  it('finds nothing to change right after up, nor after a refresh', async () => {
    const { name } = stacks.pulumi;
    await pulumiOk(name, 'preview', '--expect-no-changes');
    await pulumiOk(name, 'refresh', '--yes');
    const said = await pulumiOk(name, 'preview', '--expect-no-changes');
    assert.match(said, /\d+ unchanged/);
  });

  for (const [engine, stack] of Object.entries(stacks))
    it(`change the keys of clients in the running proxy (${engine})`, async () => {
      const proxy = docker.getContainer(`lakehouse-${stack.name}-proxy`);
      const { Id, State } = await proxy.inspect();
      const keys = { laptop: [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')] };
      // `up` ends with a query that needs the first of them.
      await lakehouseOk(['up', '--stack', stack.name, '--set-secret', 'mcpKeys'], {
        input: `${JSON.stringify(keys)}\n`,
      });
      const now = await proxy.inspect();
      assert.deepEqual([now.Id, now.State.StartedAt], [Id, State.StartedAt]);
    });

  it('leaves a stack to the engine that made it', async () => {
    const refused = await lakehouse(['up', '--stack', stacks.pulumi.name, '--engine', 'local']);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /pulumi/);
  });
});
