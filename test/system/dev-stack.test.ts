import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stackFiles } from '../../scripts/stack/stack-files.ts';
import type { ToolsFinding } from '../../scripts/tools/compare.ts';
import { TOOLS_LOCK } from '../../scripts/tools/lock.ts';
import { allowedInDev } from '../helpers/canary/allowed.ts';
import { AT_A_GLANCE, collect } from '../helpers/canary/collect.ts';
import { Detector } from '../helpers/canary/detector.ts';
import { secretsOf } from '../helpers/canary/known.ts';
import { quietScope } from '../helpers/canary/scope.ts';
import { search } from '../helpers/canary/search.ts';
import { secret } from '../helpers/canary/secret.ts';
import { lakehouse, lakehouseOk, repository } from '../helpers/lakehouse-command.ts';
import { steadyQueries } from '../helpers/load.ts';
import { connect, sqlRunner, WEATHER } from '../helpers/mcp-client.ts';
import { runPythonClient } from '../helpers/python-client.ts';
import {
  deploy,
  docker,
  engineName,
  eventually,
  execNode,
  logsOf,
  metricsOf,
  type TestStack,
} from '../helpers/stack.ts';
import { dremioMadeAnew } from './dev/dremio-made-anew.ts';
import { end, life } from './dev/life.ts';
import { network } from './dev/network.ts';

const TOOLS = [
  'GetDescriptionOfTableOrSchema',
  'GetSchemaOfTable',
  'GetTableOrViewLineage',
  'GetUsefulSystemTableNames',
  'RunSqlQuery',
];
const SERVICES = ['demo', 'refresher', 'proxy'];

interface Readiness {
  status: string;
  reasons: { code: string; message: string }[];
}

describe('the dev stack, deployed for real', () => {
  let stack: TestStack;
  const since = new Date();
  before(async () => {
    // More is said at this level, and nothing of it may be secret.
    stack = await deploy({ demo: 'true', demoTokenLife: '30', logLevel: 'debug' });
  });
  after(async () => {
    await stack?.remove();
  });

  const container = (component: string) => engineName(stack, component);
  const readiness = async (): Promise<Readiness> =>
    JSON.parse(
      await execNode(
        container('proxy'),
        "fetch('http://127.0.0.1:9090/readyz').then(async r => process.stdout.write(await r.text()))",
      ),
    );
  const asMaster = (script: string) => execNode(container('refresher'), script);
  const TOKEN = '/var/lib/lakehouse/token/token.json';

  it('serves the official tools to a client of the TypeScript SDK that has URL and key', async () => {
    const client = await connect(stack.url, stack.key);
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name).sort(), TOOLS);
    const run = await sqlRunner(client);
    const { rows } = await run(`SELECT COUNT(*) AS total_records FROM ${WEATHER}`);
    assert.deepEqual(rows, [{ total_records: 3833 }]);
    await client.close();
  });

  it('serves a client of the Python SDK the same, and refuses it without the key or from a foreign page', async () => {
    const seen = await runPythonClient({ url: stack.url, key: stack.key });
    assert.deepEqual([...seen.tools].sort(), TOOLS);
    assert.equal(seen.rows, 3833);
    assert.equal(seen.statusWithoutKey, 401);
    assert.equal(seen.statusFromForeignOrigin, 403);
  });

  it('answers 401 without the key and 403 to a foreign Origin or Host', async () => {
    const post = (headers: Record<string, string>) =>
      fetch(stack.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
      });
    const key = { authorization: `Bearer ${stack.key}` };
    assert.equal((await post({})).status, 401);
    assert.equal((await post({ authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await post({ ...key, origin: 'https://evil.example' })).status, 403);
  });

  it('confines every service: user, read-only root, capabilities, privileges, swap, log rotation', async () => {
    const users: Record<string, string> = {
      demo: '10003:10000',
      refresher: '10001:10000',
      proxy: '10002:10000',
    };
    for (const component of SERVICES) {
      const { Config, HostConfig } = await docker.getContainer(container(component)).inspect();
      assert.equal(Config.User, users[component]);
      assert.equal(HostConfig.ReadonlyRootfs, true);
      assert.deepEqual(HostConfig.CapDrop, ['ALL']);
      assert.deepEqual(HostConfig.CapAdd ?? [], []);
      assert.deepEqual(HostConfig.SecurityOpt, ['no-new-privileges']);
      assert.ok(HostConfig.Memory && HostConfig.Memory > 0);
      assert.equal(HostConfig.MemorySwap, HostConfig.Memory);
      assert.deepEqual(HostConfig.LogConfig, {
        Type: 'json-file',
        Config: { 'max-file': '3', 'max-size': '10m' },
      });
      assert.equal(HostConfig.Init, true);
      assert.equal(HostConfig.RestartPolicy?.Name, 'unless-stopped');
      assert.equal(HostConfig.Privileged, false);
      await eventually('Docker finds it healthy', async () => {
        const { State } = await docker.getContainer(container(component)).inspect();
        return State.Health?.Status === 'healthy';
      });
    }
  });

  it('holds that in the running processes too', async () => {
    const script = `
      const fs = require('node:fs');
      const out = [];
      for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))) {
        try { out.push(fs.readFileSync('/proc/' + pid + '/status', 'utf8')); } catch {}
      }
      process.stdout.write(JSON.stringify(out));`;
    for (const [component, user] of [
      ['demo', '10003'],
      ['refresher', '10001'],
      ['proxy', '10002'],
    ] as const) {
      const processes = JSON.parse(await execNode(container(component), script)) as string[];
      assert.ok(processes.length >= 2, 'init and the service at least');
      for (const status of processes) {
        assert.match(status, new RegExp(`^Uid:\\t${user}\\t${user}\\t${user}\\t${user}$`, 'm'));
        assert.match(status, /^Gid:\t10000\t10000\t10000\t10000$/m);
        assert.match(status, /^CapEff:\t0{16}$/m);
        assert.match(status, /^CapBnd:\t0{16}$/m);
        assert.match(status, /^NoNewPrivs:\t1$/m);
        assert.match(status, /^Seccomp:\t2$/m);
      }
    }
  });

  it('keeps every Dremio token away from the official server’s process', async () => {
    const { token } = JSON.parse(
      await asMaster(`process.stdout.write(require('fs').readFileSync('${TOKEN}'))`),
    ) as { token: string };
    const script = `
      const fs = require('node:fs');
      const found = [];
      for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))) {
        let line;
        try { line = fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8'); } catch { continue; }
        if (!line.includes('dremio-mcp-server')) continue;
        const seen = { environ: fs.readFileSync('/proc/' + pid + '/environ', 'utf8'), line, files: [] };
        for (const fd of fs.readdirSync('/proc/' + pid + '/fd')) {
          const path = '/proc/' + pid + '/fd/' + fd;
          let target = '';
          try { target = fs.readlinkSync(path); } catch { continue; }
          let content = '';
          try { if (fs.statSync(path).isFile()) content = fs.readFileSync(path, 'latin1'); } catch {}
          seen.files.push({ target, content });
        }
        seen.folder = (() => {
          const values = [];
          for (const name of fs.readdirSync('/tmp', { recursive: true })) {
            try { values.push(fs.readFileSync('/tmp/' + name, 'latin1')); } catch {}
          }
          return values.join('\\n');
        })();
        found.push(seen);
      }
      process.stdout.write(JSON.stringify(found));`;
    const children = JSON.parse(await execNode(container('proxy'), script)) as {
      environ: string;
      line: string;
      files: { target: string; content: string }[];
      folder: string;
    }[];
    assert.ok(children.length >= 1, 'the official server runs');
    for (const child of children) {
      assert.match(child.environ, /HOME=/, 'the environment was really read');
      assert.match(child.folder, /http:\/\/127\.0\.0\.1:/, 'its files were really read');
      assert.ok(!JSON.stringify(child).includes(token));
      for (const { target } of child.files)
        assert.ok(!target.includes('/var/lib/lakehouse'), target);
    }
  });

  it('fails a call whose result is too large with words, and no other', async () => {
    const client = await connect(stack.url, stack.key);
    const run = await sqlRunner(client);
    const [large, small] = await Promise.all([
      run(`SELECT a.* FROM ${WEATHER} a CROSS JOIN ${WEATHER} b LIMIT 90000`),
      run('SELECT 1 AS one'),
    ]);
    assert.equal(large.isError, true);
    assert.match(large.text, /large|limit|more than/i);
    assert.deepEqual(small.rows, [{ one: 1 }]);
    assert.deepEqual((await run('SELECT 2 AS two')).rows, [{ two: 2 }]);
    await client.close();
  });

  it('answers every call through a change of token', async () => {
    const { calls, failures } = await steadyQueries(stack, {
      everyMs: 50,
      durationMs: 30_000,
      atLeast: 500,
    });
    assert.deepEqual(failures, []);
    assert.ok(calls >= 500, `${calls} calls`);
    const metrics = await metricsOf(container('demo'));
    assert.ok((metrics.get('demo_dremio_tokens_seen') ?? 0) >= 2, 'two tokens were used');
    assert.equal(metrics.get('demo_dremio_expired_token_requests_total'), 0);
  });

  for (const [what, damage, code] of [
    ['missing', `fs.rmSync('${TOKEN}')`, 'token_missing'],
    ['empty', `fs.writeFileSync('${TOKEN}', '')`, 'token_'],
    ['torn', `fs.writeFileSync('${TOKEN}', '{"token":"abc')`, 'token_'],
    [
      'expired',
      `fs.writeFileSync('${TOKEN}', JSON.stringify({ token: 'abcdefghijkl', expires_at: '2020-01-01T00:00:00.000Z' }))`,
      'token_expired',
    ],
  ] as const)
    it(`says why it is not ready when the token file is ${what}, and recovers alone`, async () => {
      const { State: before } = await docker.getContainer(container('proxy')).inspect();
      // A refresher that is held cannot mend the file before it was seen.
      await asMaster(`const fs = require('fs'); ${damage}`);
      await docker.getContainer(container('refresher')).pause();
      try {
        const { reasons } = await eventually('the proxy says it is not ready', async () => {
          const answer = await readiness();
          return answer.status !== 'ok' && answer;
        });
        assert.ok(
          reasons.some((reason) => reason.code.startsWith(code)),
          JSON.stringify(reasons),
        );
      } finally {
        await docker.getContainer(container('refresher')).unpause();
      }
      await eventually(
        'the proxy is ready again',
        async () => (await readiness()).status === 'ok',
        90_000,
      );
      const { State: now } = await docker.getContainer(container('proxy')).inspect();
      assert.equal(now.StartedAt, before.StartedAt, 'the proxy stayed up');
    });

  it('S11: offers the tools that are pinned, and up warns in words where others are', async (t) => {
    const words = ['--stack', stack.name];
    const up = async (directory = repository) => {
      const { stdout } = await lakehouseOk(['up', ...words, '--json'], { directory });
      const lines = stdout.trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    const warningsIn = (events: Record<string, unknown>[]) =>
      events
        .filter(({ severity }) => severity === 'warning')
        .flatMap(({ message }) => (String(message).includes('tools') ? [String(message)] : []));
    const events = await up();
    assert.deepEqual(warningsIn(events), []);
    const tools = events.at(-1)?.tools as ToolsFinding;
    assert.deepEqual(tools.differences, []);
    const metric = `lakehouse_proxy_tools_info{digest="${tools.digests}"}`;
    assert.equal((await metricsOf(container('proxy'))).get(metric), 1);

    // A checkout in which other tools were found good, of the same stack.
    const checkout = await mkdtemp(join(tmpdir(), 'lakehouse-checkout-'));
    t.after(() => rm(checkout, { recursive: true }));
    const shared = ['node_modules', '.lakehouse'];
    const apart = new Set([...shared, '.git'].map((name) => join(repository, name)));
    await cp(repository, checkout, { recursive: true, filter: (path) => !apart.has(path) });
    for (const name of shared) await symlink(join(repository, name), join(checkout, name));
    const lock = join(checkout, TOOLS_LOCK);
    const pinned = await readFile(lock, 'utf8');
    const { GetSchemaOfTable: _, ...others } = JSON.parse(pinned) as Record<string, string>;
    const changed = {
      ...others,
      RunSqlQuery: `sha256:${'0'.repeat(64)}`,
      Search: others.RunSqlQuery,
    };
    await writeFile(lock, JSON.stringify(changed));
    const [warning = '', ...more] = warningsIn(await up(checkout));
    assert.match(
      warning,
      /are not those in \S+: GetSchemaOfTable is new, RunSqlQuery is defined in another way\./,
    );
    assert.ok(warning.includes(`npm run pin -- --stack ${stack.name} --tools`));
    assert.deepEqual(more, []);

    const pin = (...args: string[]) =>
      lakehouse(['pin', '--tools', ...words, ...args], { directory: checkout });
    assert.equal((await pin('--check')).code, 1);
    assert.equal((await pin()).code, 0);
    const now = JSON.parse(await readFile(lock, 'utf8'));
    assert.deepEqual(now, { ...JSON.parse(pinned), Search: changed.Search });
    assert.equal((await pin('--check')).code, 0);
  });

  network(() => stack);
  dremioMadeAnew(() => stack);
  life(() => stack);

  it('S4 shows no secret at any level of its log, after all that', async () => {
    const files = stackFiles(repository, stack.name);
    const read = `process.stdout.write(require('fs').readFileSync('${TOKEN}'))`;
    const token = async () => (JSON.parse(await asMaster(read)) as { token: string }).token;
    const before = await token();
    // Right after a change the token stays the same for as long as the search takes.
    const now = await eventually('a new token', async () => {
      const found = await token();
      return found !== before && found;
    });
    const tokens = [before, now].map((one) => secret('Dremio token', one));
    const secrets = [...(await secretsOf(files)), ...tokens];
    const allowances = allowedInDev(files);
    const scope = { ...quietScope(files), since };
    const searched = await search(new Detector(secrets), collect(scope, AT_A_GLANCE));
    for (const surface of ['logs', 'audit', 'engine', 'filesystems', 'processes'] as const) {
      assert.deepEqual(searched.leaks(surface, allowances), [], surface);
      assert.ok((searched.bytes.get(surface) ?? 0) > 0, surface);
    }
    assert.deepEqual(searched.leaks('commands', allowances), []);
    assert.deepEqual(searched.unneeded(allowances), []);
    assert.match(await logsOf(container('demo')), /"level":"debug"/, 'there was more to say');
  });

  end(() => stack);
});
