/**
 * A production stack deployed by the Pulumi CLI. Needs the CLI with its docker, random and tls plugins on PATH, a Docker
 * engine that manages a Swarm, and what the tests of production need; says so where something is missing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fetchHere } from '../helpers/fetch-at.ts';
import { lakehouse, lakehouseOk } from '../helpers/lakehouse-command.ts';
import { WEATHER } from '../helpers/mcp-client.ts';
import { DOMAIN, deployProduction, noProduction } from '../helpers/production.ts';
import { noPulumi, pulumiOk, pulumiOn } from '../helpers/pulumi-cli.ts';
import { docker } from '../helpers/stack.ts';
import { type ProductionScene, query, tasks } from '../system/production/scene.ts';

const COMPONENTS = ['edge', 'proxy', 'refresher'] as const;

interface Result {
  readonly kind: string;
  readonly changes: readonly { readonly urn: string; readonly operation: string }[];
  readonly summary: Readonly<Record<'create' | 'update' | 'replace' | 'delete' | 'same', number>>;
}
/** What a command with `--json` says of its result. */
const resultOf = (stdout: string) =>
  JSON.parse(stdout.split('\n').find((line) => line.includes('"kind":"result"')) ?? '') as Result;

describe('production by the Pulumi CLI', { skip: noPulumi || (await noProduction()) }, () => {
  let scene: ProductionScene;
  before(async () => {
    const stack = await deployProduction({}, 'pulumi');
    scene = { stack, here: fetchHere(stack.ca) };
  });
  after(() => scene?.stack[Symbol.asyncDispose]());

  /** Id and version of each service: a version counts up at every change. */
  async function services() {
    const all = COMPONENTS.map(async (component) => {
      const { ID, Version } = (await docker
        .getService(`lakehouse-${scene.stack.name}-${component}`)
        .inspect()) as { ID: string; Version: { Index: number } };
      return [component, { id: ID, version: Version.Index }] as const;
    });
    return Object.fromEntries(await Promise.all(all)) as Record<
      (typeof COMPONENTS)[number],
      { id: string; version: number }
    >;
  }

  it('answers a query over TLS by its own authority, by two proxies behind one edge', async () => {
    assert.equal(scene.stack.url, `https://${DOMAIN}:${scene.stack.httpsPort}/mcp`);
    assert.deepEqual(await query(scene, `SELECT COUNT(*) AS n FROM ${WEATHER}`), [{ n: 3833 }]);
    assert.equal((await tasks(scene, 'proxy')).length, 2);
  });

  it('leaves nothing to change right after up, nor after a refresh, nor at a second up', async () => {
    const { name } = scene.stack;
    await pulumiOk(name, 'preview', '--expect-no-changes');
    await pulumiOk(name, 'refresh', '--yes');
    await pulumiOk(name, 'preview', '--expect-no-changes');
    const before = await services();
    const { summary } = resultOf((await lakehouseOk(['up', '--stack', name, '--json'])).stdout);
    const { create, update, replace, delete: deleted } = summary;
    assert.deepEqual([create, update, replace, deleted], [0, 0, 0, 0]);
    assert.deepEqual(await services(), before);
  });

  it('takes a plain pulumi up with the policy pack, which has nothing to say', async () => {
    const said = await pulumiOk(scene.stack.name, 'up', '--yes', '--policy-pack', 'policy');
    assert.match(said, /\d+ unchanged/);
    assert.doesNotMatch(said, /warning:/);
  });

  it('shows what a setting would change without keeping it, and then changes that service in place', async () => {
    const { name } = scene.stack;
    const set = ['--stack', name, '--set', 'auditSql=true', '--json'];
    const planned = resultOf((await lakehouseOk(['preview', ...set])).stdout);
    const touched = planned.changes.map(({ urn, operation }) => [
      operation,
      urn.split('::').at(-1),
    ]);
    assert.deepEqual(touched, [['update', 'proxy']]);
    await lakehouseOk(['preview', '--stack', name, '--expect-no-changes']);
    const before = await services();
    const { summary } = resultOf((await lakehouseOk(['up', ...set])).stdout);
    assert.deepEqual([summary.update, summary.replace, summary.create], [1, 0, 0]);
    const { proxy, ...others } = await services();
    const { proxy: proxyBefore, ...othersBefore } = before;
    assert.deepEqual(others, othersBefore);
    assert.equal(proxy.id, proxyBefore.id);
    assert.ok(proxy.version > proxyBefore.version);
  });

  it('does not destroy protected data unless that is asked for twice', async () => {
    const { name } = scene.stack;
    const volume = `lakehouse-${name}-edge-data`;
    // Nobody gives it a certificate, for which `npm run up` would wait; what it would keep one in is made.
    const acme = ['--set', 'tlsMode=acme', '--set', 'acmeDirectory=https://127.0.0.1:1/none'];
    const environment = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const kept = await lakehouse(['up', '--stack', name, ...acme], { environment });
    assert.equal(kept.code, 3, kept.stderr);
    await pulumiOk(name, 'up', '--yes', '--skip-preview');
    const refused = await pulumiOn(name, 'destroy', '--yes');
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /edge-data-volume.*protect|protect.*edge-data-volume/s);
    const down = await lakehouseOk(['down', '--stack', name]);
    assert.ok(down.stdout.includes(volume), down.stdout);
    assert.equal((await docker.getVolume(volume).inspect()).Name, volume);
    const unsaid = await lakehouse(['down', '--stack', name, '--delete-data']);
    assert.equal(unsaid.code, 2, unsaid.stderr);
    await lakehouseOk(['down', '--stack', name, '--delete-data', '--yes']);
    await assert.rejects(docker.getVolume(volume).inspect(), /no such volume/);
  });
});
