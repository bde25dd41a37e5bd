/** What the search for secrets is told of the production stack, and how that is made to answer. */
import assert from 'node:assert/strict';
import { stackFiles } from '../../../scripts/stack/stack-files.ts';
import { REQUESTS_TO_DREMIO } from '../../helpers/canary/allowed.ts';
import {
  type Answer,
  ask,
  askInside,
  callsOf,
  failingQuery,
  operationsOf,
  sampleOf,
} from '../../helpers/canary/answers.ts';
import { givenToChild } from '../../helpers/canary/child.ts';
import { quietScope, type Scope } from '../../helpers/canary/scope.ts';
import { repository } from '../../helpers/lakehouse-command.ts';
import { DOMAIN } from '../../helpers/production.ts';
import { eventually, execNode } from '../../helpers/stack.ts';
import { type ProductionScene, query, tasks } from './scene.ts';

const TOKEN = '/var/lib/lakehouse/token/token.json';
const RECOVERY_MS = 60_000;

/** What an operator says to it on an ordinary day, and two mistakes. */
export const ORDINARY: readonly (readonly string[])[] = [
  ['preview'],
  ['status'],
  ['status', '--json'],
  ['output'],
  ['output', '--json'],
  ['output', 'mcpKeys'],
  ['output', 'mcpKeys', '--show-secrets'],
  ['doctor'],
  ['logs', '--tail', '500'],
  ['up', '--engine', 'local', '--trial', '--set', 'proxyReplicas=many'],
];

const containerOf = async (scene: ProductionScene, component: string) => {
  const [task] = await tasks(scene, component);
  assert(task !== undefined, `${component} has a task`);
  return task.Status.ContainerStatus.ContainerID;
};

/** Everything that is answered when all is well, and what is when a refresher dies and takes its token along. */
export async function* answersOf(scene: ProductionScene): AsyncGenerator<Answer> {
  const { stack } = scene;
  const key = await stack.key();
  const proxy = await containerOf(scene, 'proxy');
  for (const question of callsOf(stack.url, key)) yield await ask(question, stack.ca);
  yield* await failingQuery(stack.url, key, stack.ca);
  yield await ask({ what: 'another host', url: stack.url, headers: { host: 'x.test' } }, stack.ca);
  yield await ask({ what: 'plain HTTP', url: `http://${DOMAIN}:${stack.httpPort}/mcp` });
  const inside = callsOf('http://127.0.0.1:8080/mcp', 'KEY');
  yield* await askInside(proxy, [
    ...['127.0.0.1', 'refresher', 'edge'].flatMap(operationsOf),
    // Longer ones are no argument for a process.
    ...inside.filter(({ body = '' }) => body.length < 10_000),
  ]);

  const refresher = await containerOf(scene, 'refresher');
  // Every process but the asking one and the container's first, which would not pass it on; all of them end by that.
  const abort = `require('node:fs').rmSync('${TOKEN}'); process.kill(-1, 'SIGABRT')`;
  await execNode(refresher, abort).catch(() => undefined);
  const hosts = ['127.0.0.1', 'edge'];
  yield* await eventually('proxies and edge are not ready', async () => {
    const answers = await askInside(
      proxy,
      hosts.map((host) => ({ what: `/readyz of ${host}`, url: `http://${host}:9090/readyz` })),
    );
    return answers.every(({ status }) => status === 503) && answers;
  });
  const works = async () => (await query(scene, 'SELECT 1 AS n')).length === 1;
  await eventually('a call succeeds again', works, RECOVERY_MS);
}

/** @param answers of it, got before */
export function scopeOf(scene: ProductionScene, answers: readonly Answer[]): Scope {
  const { stack } = scene;
  const { witness, dremio } = stack;
  return {
    ...quietScope(stackFiles(repository, stack.name)),
    since: witness.since,
    said: witness.said,
    processes: witness.processes,
    answers: answers.map(sampleOf),
    async *requests() {
      const refresher = await containerOf(scene, 'refresher');
      const { token } = JSON.parse(
        await execNode(
          refresher,
          `process.stdout.write(require('node:fs').readFileSync('${TOKEN}'))`,
        ),
      ) as { token: string };
      yield* givenToChild(`http://127.0.0.1:${dremio.port}`, await stack.key(), token);
      yield { surface: 'requests', where: REQUESTS_TO_DREMIO, content: witness.requests };
    },
  };
}
