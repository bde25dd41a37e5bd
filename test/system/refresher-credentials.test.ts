/** A password that changes in Dremio, under a deployed stack that serves queries: refused, changed in place, deployed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pack } from 'tar-stream';
import { DEMO_USER } from '../../images/demo-dremio/src/index.ts';
import { askOperations, reasonsOf } from '../../scripts/stack/operations.ts';
import { lakehouse, lakehouseOk } from '../helpers/lakehouse-command.ts';
import { steadyQueries } from '../helpers/load.ts';
import { type ContainerLog, followLog, TOKEN_FILE } from '../helpers/refresher-container.ts';
import {
  deploy,
  docker,
  engineName,
  eventually,
  execNode,
  metricsOf,
  type TestStack,
} from '../helpers/stack.ts';
import { startTroubledDremio, type TroubledDremio } from '../helpers/troubled-dremio.ts';

const SECOND_PASSWORD = 'second-password-2';
const THIRD_PASSWORD = 'third-password-3';
/** Short, so that the next login is near: 24 s after the last. */
const LIFE_MS = 30_000;
/** Longer, so that a deployment fits between two logins, which are then 76 s apart. */
const LONGER_LIFE_MS = 95_000;
/** The pause between two ticks that such tokens have, ms. */
const TICK_MS = 5_000;
/** What a pass of the loop may take with half a CPU on a busy machine, ms. */
const SLACK_MS = 2_000;

describe('a password that changes in Dremio, under a deployed stack', () => {
  let dremio: TroubledDremio;
  let stack: TestStack;
  let log: ContainerLog;
  before(async () => {
    dremio = await startTroubledDremio(LIFE_MS, { data: true });
    stack = await deploy(
      { dremioUrl: `http://localhost:${dremio.port}`, dremioUsername: DEMO_USER.userName },
      { key: 'dremioPassword', value: DEMO_USER.password },
    );
    log = await followLog(docker.getContainer(refresher()));
  });
  after(async () => {
    await stack?.remove();
    await dremio?.close();
  });

  const refresher = () => engineName(stack, 'refresher');
  const succeeded = () => dremio.logins.filter(({ status }) => status === 200);
  /** The token file as the proxy sees it. */
  const tokenFile = async () => {
    const script = `process.stdout.write(require('fs').readFileSync('${TOKEN_FILE}'))`;
    const text = await execNode(engineName(stack, 'proxy'), script);
    return JSON.parse(text) as { token: string; expires_at: string };
  };

  it('is told as credentials_refused by log, metric, readiness and status, while the old token serves', async () => {
    dremio.changePassword(SECOND_PASSWORD);
    const failed = await log.until('login_failed', { timeoutMs: LIFE_MS });
    assert.equal(failed.class, 'credentials_refused');
    assert.match(String(failed.message), /refused the user name or the password \(401\)/);
    const ready = await askOperations(docker, refresher(), 'readyz');
    const { expires_at: expires } = await log.until('token_written', {
      match: ({ time }) => Date.parse(time) > Date.parse(failed.time) - LIFE_MS,
    });
    if (Date.now() < Date.parse(String(expires)) - LIFE_MS / 20)
      assert.equal(ready?.ok, true, 'the old token is good');

    const reasons = await eventually('it is not ready', async () => {
      const answer = await askOperations(docker, refresher(), 'readyz');
      return answer?.ok === false && reasonsOf(answer.body);
    });
    assert.deepEqual(
      reasons.map(({ code }) => code.replace('expiring', 'expired')),
      ['credentials_refused', 'token_expired'],
    );
    const metrics = await metricsOf(refresher());
    const refused = 'lakehouse_refresher_logins_total{outcome="credentials_refused"}';
    assert.equal(metrics.get(refused), 1, 'it does not try again and again');

    const args = ['status', '--stack', stack.name];
    const text = await lakehouse(args);
    assert.equal(text.code, 4, 'not ready');
    assert.match(
      text.stdout,
      /^Login +fails \(credentials_refused, once\): Dremio refused .* \(401\); check .*\n +next try in (4 min|5 min).*, at \S+Z$/m,
    );
    const { token } = JSON.parse((await lakehouse([...args, '--json'])).stdout);
    assert.equal(token.loginFailure.class, 'credentials_refused');
    assert.match(token.loginFailure.message, /\(401\)/);
    assert.equal(
      Date.parse(token.loginFailure.nextTryAt),
      Date.parse(String(failed.next_try_at)),
      'the next try is the one of the log',
    );
  });

  it('is taken up within a tick when the file in the secret volume changes', async () => {
    const before = succeeded().length;
    dremio.demo.tokens.setLife(LONGER_LIFE_MS);
    const changedAt = await changeSecret(engineName(stack, 'refresher-secrets'), SECOND_PASSWORD);
    const { at } = await eventually('a login succeeds', async () => succeeded()[before]);
    assert.ok(at - changedAt <= TICK_MS + SLACK_MS, `${at - changedAt} ms after the change`);
    await log.until('credentials_changed');
    await eventually('the proxy is ready again', async () => {
      return (await askOperations(docker, engineName(stack, 'proxy'), 'readyz'))?.ok;
    });
  });

  it('is deployed without losing a call, and logged in with at once', async (context) => {
    const oldContainer = (await docker.getContainer(refresher()).inspect()).Id;
    dremio.changePassword(THIRD_PASSWORD);
    const before = succeeded().length;
    const done = new AbortController();
    const load = queriesUntil(done.signal, stack);
    try {
      const up = ['up', '--stack', stack.name, '--engine', 'local'];
      await lakehouseOk([...up, '--set-secret', 'dremioPassword'], {
        input: `${THIRD_PASSWORD}\n`,
      });
    } finally {
      done.abort();
    }
    const { calls, failures } = await load;
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(failures, []);
    assert.ok(calls >= 50, `${calls} calls`);

    const { Id } = await docker.getContainer(refresher()).inspect();
    assert.notEqual(Id, oldContainer, 'the container was replaced');
    const last = log.lines.findLast(({ event }) => event === 'token_written');
    log = await followLog(docker.getContainer(refresher()));
    const adopted = await log.until('token_adopted');
    assert.equal(adopted.expires_at, last?.expires_at, 'the token of the old container');
    // By the old one, if it has met the new password in the volume before it was stopped, else by the new one.
    await eventually('a login with the new password', async () => succeeded()[before]);

    // The next one is of the new container in any case.
    dremio.demo.tokens.expireAll();
    await eventually('another login', async () => succeeded()[before + 1]);
    await log.until('login_succeeded');
    assert.ok(!log.lines.some(({ event }) => event === 'login_failed'));
    await eventually('the new token is in the file', async () => {
      const { token } = await tokenFile();
      return dremio.demo.tokens.check(token).state === 'valid';
    });
  });
});

/**
 * Changes the password file in the volume of a stack's secrets, by the container that has filled it: `docker cp` of the
 * next file into it, and starting it again, which puts it in the place of the old one, owned by the service's user.
 * @returns when the refresher could read it, epoch ms
 */
async function changeSecret(filler: string, password: string): Promise<number> {
  const container = docker.getContainer(filler);
  const archive = pack();
  archive.entry({ name: 'dremio-password.next', mode: 0o400 }, `${password}\n`);
  archive.finalize();
  await container.putArchive(archive as unknown as NodeJS.ReadableStream, {
    path: '/run/secrets',
  });
  await container.start();
  await container.wait();
  return Date.parse((await container.inspect()).State.FinishedAt);
}

/** Queries through the MCP URL without a pause until `signal` aborts: two streams, whose reconnections do not meet. */
async function queriesUntil(signal: AbortSignal, stack: TestStack) {
  const total = { calls: 0, failures: [] as string[] };
  const stream = async (durationMs: number) => {
    while (!signal.aborted) {
      const { calls, failures } = await steadyQueries(stack, { everyMs: 200, durationMs });
      total.calls += calls;
      total.failures.push(...failures);
    }
  };
  const failed = (error: unknown) => total.failures.push(`no client could connect: ${error}`);
  await Promise.all([stream(5_000).catch(failed), stream(7_000).catch(failed)]);
  return total;
}
