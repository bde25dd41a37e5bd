/** The commands on a stack of their own: interrupted, completed, looked at, asked, taken down. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lakehouse, lakehouseOk, repository } from '../helpers/lakehouse-command.ts';
import { docker, eventually, freePort, removeImages } from '../helpers/stack.ts';

const name = `test-cmd-${randomBytes(3).toString('hex')}`;
const stack = ['--stack', name];
const folder = join(repository, '.lakehouse', name);
const filters = { label: [`lakehouse.stack=${name}`] };

describe('a stack in the hands of the commands', () => {
  let port: number;
  before(async () => {
    port = await freePort();
  });
  after(async () => {
    await lakehouse(['down', ...stack, '--delete-data', '--yes']);
    await removeImages(name);
  });

  it('survives Ctrl-C in the middle of up, while a second up is refused', async () => {
    const interrupt = new AbortController();
    const first = lakehouse(
      ['up', ...stack, '--engine', 'local', '--set', 'demo=true', '--set', `mcpPort=${port}`],
      { signal: interrupt.signal },
    );
    await eventually('something of the stack is there', async () => {
      const { Volumes } = await docker.listVolumes({ filters });
      return (Volumes ?? []).length > 0;
    });
    const second = await lakehouse(['up', ...stack]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /is already changing the stack/);
    interrupt.abort();
    const { code, stderr } = await first;
    assert.equal(code, 130);
    assert.match(stderr, new RegExp(`Go on where it stopped: npm run up -- --stack ${name}`));
    const status = await lakehouse(['status', ...stack]);
    assert.equal(status.code, 4, 'what is there is not a working stack');
  });

  it('is completed by the next up, which proves it and tells what to do with it', async () => {
    const { stdout } = await lakehouseOk(['up', ...stack]);
    assert.match(stdout, /3,833 rows/);
    assert.match(stdout, new RegExp(`MCP URL +http://127\\.0\\.0\\.1:${port}/mcp`));
    assert.match(stdout, new RegExp(`npm run -s output -- --stack ${name} mcpKeys --show-secrets`));
    for (const client of ['Claude Code', 'Claude Desktop', 'Cursor', 'VS Code'])
      assert.ok(stdout.includes(client), client);
    const state = await readFile(join(folder, 'state.json'), 'utf8');
    const { stdout: keys } = await lakehouseOk([
      'output',
      ...stack,
      'mcpKeys',
      '--show-secrets',
      '--json',
    ]);
    const { default: key } = JSON.parse(keys) as { default: string };
    assert.ok(key.length >= 32 && !state.includes(key) && !stdout.includes(key));
  });

  it('has nothing to do for another up, and says so in JSON lines alone', async () => {
    const { stdout } = await lakehouseOk(['up', ...stack, '--json']);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { summary, proof, mcpUrl } = events.at(-1);
    assert.deepEqual(
      [summary.create, summary.update, summary.replace, summary.delete],
      [0, 0, 0, 0],
    );
    assert.equal(proof.value, 3833);
    assert.equal(mcpUrl, `http://127.0.0.1:${port}/mcp`);
  });

  it('tells its status: services, token life, child', async () => {
    const { stdout } = await lakehouseOk(['status', ...stack, '--json']);
    const status = JSON.parse(stdout);
    assert.equal(status.ready, true);
    assert.equal(status.madeWith, 'local');
    assert.deepEqual(
      status.services.map(({ component, state, ready }: Record<string, unknown>) => [
        component,
        state,
        ready,
      ]),
      [
        ['proxy', 'running', true],
        ['refresher', 'running', true],
        ['demo', 'running', true],
      ],
    );
    assert.ok(status.token.secondsLeft > 100_000, 'a token of 30 h');
    assert.equal(status.child, 'running');
  });

  it('answers queries as a table and as JSON, and fails on wrong SQL', async () => {
    const sql = 'SELECT 1 AS one, CAST(NULL AS VARCHAR) AS none';
    const { stdout } = await lakehouseOk(['query', ...stack, sql]);
    assert.equal(stdout, 'one  none\n───  ────\n  1  NULL\n\n1 row\n');
    const json = await lakehouseOk(['query', ...stack, sql, '--json']);
    assert.deepEqual(JSON.parse(json.stdout), [{ one: 1, none: null }]);
    const wrong = await lakehouse(['query', ...stack, 'SELEC 1']);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /Error: The query failed: .*SELEC/);
  });

  it('shows the logs of one service or all, and says which services there are', async () => {
    const { stdout } = await lakehouseOk(['logs', ...stack, 'refresher']);
    for (const line of stdout.trimEnd().split('\n'))
      assert.equal(JSON.parse(line).service, 'refresher');
    const wrong = await lakehouse(['logs', ...stack, 'refreshr']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /it has proxy, refresher, demo/);
  });

  it('keeps its port: another stack is told who has it, and which is free', async () => {
    const other = `${name}-b`;
    const refused = await lakehouse([
      'up',
      '--stack',
      other,
      '--engine',
      'local',
      '--set',
      'demo=true',
      '--set',
      `mcpPort=${port}`,
    ]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(
        `Port ${port} on 127\\.0\\.0\\.1 is taken by the container lakehouse-${name}-proxy`,
      ),
    );
    assert.match(refused.stderr, new RegExp(`npm run up -- --stack ${other} --set mcpPort=\\d+`));
    await lakehouseOk(['down', '--stack', other, '--delete-data', '--yes']);
  });

  it('belongs to the engine of deployment that made it', async () => {
    const refused = await lakehouse(['up', ...stack, '--engine', 'pulumi']);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /was made with --engine local/);
  });

  it('goes down with nothing left on the engine, and keeps its settings until they are deleted too', async () => {
    await lakehouseOk(['down', ...stack]);
    const left = async () => [
      ...(await docker.listContainers({ all: true, filters })),
      ...(await docker.listNetworks({ filters })),
      ...((await docker.listVolumes({ filters })).Volumes ?? []),
    ];
    assert.deepEqual(await left(), []);
    assert.ok(existsSync(join(folder, 'overrides.yaml')));
    const status = await lakehouse(['status', ...stack]);
    assert.equal(status.code, 4);
    await lakehouseOk(['down', ...stack, '--delete-data', '--yes']);
    assert.ok(!existsSync(folder));
  });
});
