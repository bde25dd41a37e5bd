import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { statusLines } from '../../scripts/commands/status.ts';
import { edgeDataFindings } from '../../scripts/preflight/edge-data.ts';
import { managerProblem, nodeProblems } from '../../scripts/preflight/swarm.ts';
import { merged, timedLine } from '../../scripts/stack/log-stream.ts';
import { isReady, type StackStatus } from '../../scripts/stack/stack-status.ts';
import { taskLine } from '../../scripts/stack/swarm.ts';
import {
  instancesOf,
  mayCarry,
  type NodeAnswer,
  nodesOf,
  type ServiceAnswer,
  type SwarmAnswers,
  servicesOf,
  type TaskAnswer,
} from '../../scripts/stack/swarm-facts.ts';
import { styleFor } from '../../scripts/terminal/style.ts';

const node = (
  name: string,
  changes: { availability?: string; state?: string } = {},
): NodeAnswer => ({
  ID: `id-${name}`,
  Spec: { Availability: changes.availability ?? 'active', Labels: { lakehouse: 'true' } },
  Description: { Hostname: name, Engine: { EngineVersion: '28.0.1' } },
  Status: { State: changes.state ?? 'ready' },
});

const service = (component: string, replicas?: number, more: object = {}): ServiceAnswer => ({
  ID: `id-${component}`,
  Spec: {
    Name: `lakehouse-prod-${component}`,
    Labels: { 'lakehouse.component': component },
    Mode: replicas === undefined ? {} : { Replicated: { Replicas: replicas } },
    TaskTemplate: { Placement: { Constraints: ['node.labels.lakehouse==true'] } },
  },
  ...more,
});

let made = 0;
const task = (
  component: string,
  changes: Partial<Omit<TaskAnswer, 'Status'>> & { Status?: Partial<TaskAnswer['Status']> } = {},
): TaskAnswer => {
  made += 1;
  const { Status, ...rest } = changes;
  return {
    ID: `task${made}`,
    ServiceID: `id-${component}`,
    NodeID: 'id-one',
    DesiredState: 'running',
    CreatedAt: '2026-01-01T00:00:00Z',
    ...rest,
    Status: {
      Timestamp: '2026-01-01T00:00:00Z',
      State: 'running',
      ContainerStatus: { ContainerID: `container${made}` },
      ...Status,
    },
  };
};

const answers = (changes: Partial<SwarmAnswers>): SwarmAnswers => ({
  upToDate: new Set((changes.tasks ?? []).map(({ ID }) => ID)),
  services: [service('refresher'), service('proxy', 2), service('edge', 1)],
  tasks: [],
  nodes: [node('one'), node('two')],
  self: 'id-one',
  ...changes,
});

describe('a Swarm, in the words of the commands', () => {
  it('is every task that should run, in the order in which a request passes them', () => {
    const found = instancesOf(
      answers({
        tasks: [
          task('refresher'),
          task('proxy', { Slot: 2, NodeID: 'id-two' }),
          task('proxy', { Slot: 1 }),
          task('proxy', { Slot: 1, DesiredState: 'shutdown', Status: { State: 'failed' } }),
          task('edge', { Slot: 1, Status: { PortStatus: { Ports: [{ PublishedPort: 443 }] } } }),
        ],
      }),
    );
    assert.deepEqual(
      found.map(({ name, node: on, restarts }) => [name, on, restarts]),
      [
        ['lakehouse-prod-edge.1', 'one', 0],
        ['lakehouse-prod-proxy.1', 'one', 1],
        ['lakehouse-prod-proxy.2', 'two', 0],
        ['lakehouse-prod-refresher.one', 'one', 0],
      ],
    );
    assert.deepEqual(found[0]?.ports, ['0.0.0.0:443']);
    assert.ok(found[1]?.container, 'a task on the node that was asked can be asked itself');
    assert.equal(found[2]?.container, null, 'one on another node cannot');
  });

  it('says why a task has no node, and that it wants as many as it was told', () => {
    const told = answers({
      tasks: [
        task('proxy', {
          Slot: 1,
          NodeID: '',
          Status: { State: 'pending', Err: 'no suitable node', ContainerStatus: {} },
        }),
      ],
    });
    const [pending] = instancesOf(told);
    assert.deepEqual([pending?.node, pending?.error], [null, 'no suitable node']);
    const proxy = servicesOf(told).find(({ component }) => component === 'proxy');
    assert.deepEqual([proxy?.running, proxy?.wanted], [0, 2]);
  });

  it('wants a global service on every node that takes it, and on one even when none does', () => {
    const wanted = (nodes: NodeAnswer[]) =>
      servicesOf(answers({ nodes })).find(({ component }) => component === 'refresher')?.wanted;
    assert.equal(wanted([node('one'), node('two')]), 2);
    assert.equal(wanted([node('one'), node('two', { availability: 'drain' })]), 1);
    assert.equal(wanted([node('one', { state: 'down' })]), 1);
  });

  it('counts the tasks of the present version', () => {
    const [old, fresh] = [task('proxy', { Slot: 1 }), task('proxy', { Slot: 2 })];
    const starting = { ...fresh, Status: { ...fresh.Status, State: 'starting' } };
    const count = (tasks: TaskAnswer[]) =>
      servicesOf({ ...answers({ tasks }), upToDate: new Set([fresh.ID]) })
        .filter(({ component }) => component === 'proxy')
        .map(({ running, current }) => [running, current])[0];
    assert.deepEqual(count([old, starting]), [1, 0]);
    assert.deepEqual(count([old, fresh]), [2, 1]);
  });

  it('remembers the newest failure of a service, and where', () => {
    const failed = (Timestamp: string, Err: string) =>
      task('proxy', { DesiredState: 'shutdown', Status: { Timestamp, State: 'failed', Err } });
    const [proxy] = servicesOf(
      answers({
        services: [service('proxy', 2)],
        tasks: [failed('2026-01-01T00:00:02Z', 'newer'), failed('2026-01-01T00:00:01Z', 'older')],
      }),
    );
    assert.deepEqual(proxy?.failure, { time: '2026-01-01T00:00:02Z', node: 'one', error: 'newer' });
  });

  it('knows by constraints which nodes may carry what', () => {
    assert.ok(mayCarry(node('one'), ['node.labels.lakehouse==true']));
    assert.ok(!mayCarry(node('one'), ['node.labels.lakehouse == false']));
    assert.ok(mayCarry(node('one'), ['node.labels.other!=true']));
    const stranger = { ...node('three'), Spec: { Availability: 'active' } };
    const found = nodesOf(answers({ nodes: [node('two'), stranger, node('one')] }));
    assert.deepEqual(
      found.map(({ name, carries }) => [name, carries]),
      [
        ['one', ['edge', 'proxy', 'refresher']],
        ['two', ['edge', 'proxy', 'refresher']],
      ],
    );
  });
});

describe('the status of a stack on Swarm', () => {
  const head = {
    stack: 'prod',
    ready: false,
    tools: null,
    mcpUrl: 'https://mcp.test/mcp',
    madeWith: 'pulumi',
    docker: { address: 'unix:///x', version: '28' },
  };
  const now = new Date('2026-01-01T00:10:00Z');
  const edge = {
    url: head.mcpUrl,
    address: null,
    problem: null,
    certificate: {
      issuer: 'Test CA',
      validTo: '2026-03-01T00:00:00.000Z',
      secondsLeft: 59 * 86_400,
      distrust: null,
    },
  };
  const whole = answers({
    nodes: [node('one')],
    tasks: [
      task('refresher'),
      task('proxy', { Slot: 1 }),
      task('proxy', { Slot: 2 }),
      task('edge', { Slot: 1 }),
    ],
  });
  const statusOf = (told: SwarmAnswers, changes: Partial<StackStatus> = {}): StackStatus => ({
    services: instancesOf(told).map((instance) => ({
      ...instance,
      asked: instance.container !== null,
      ready: instance.state === 'running',
      reasons: [],
      lastError: null,
    })),
    swarm: { services: servicesOf(told), nodes: nodesOf(told) },
    edge,
    token: null,
    child: null,
    ...changes,
  });
  const text = (status: StackStatus) =>
    stripVTControlCharacters(statusLines(head, status, styleFor(process.stderr), now).join('\n'));

  it('is ready when every task runs and the edge answers', () => {
    const status = statusOf(whole);
    assert.equal(isReady(status), true);
    assert.match(text(status), /^proxy +2 of 2 +-/m);
    assert.match(text(status), /^lakehouse-prod-proxy\.2 +one +ready +10 min/m);
    assert.match(
      text(status),
      /^Certificate 59 d left, until 2026-03-01T00:00:00\.000Z, by Test CA$/m,
    );
  });

  it('is not ready when a task is missing, the edge does not answer or is not there', () => {
    const fewer = { ...whole, tasks: whole.tasks.filter(({ Slot }) => Slot !== 2) };
    assert.equal(isReady(statusOf(fewer)), false);
    const silent = { ...edge, certificate: null, problem: 'nothing listens there' };
    assert.equal(isReady(statusOf(whole, { edge: silent })), false);
    assert.match(text(statusOf(whole, { edge: silent })), /^Edge +nothing listens there$/m);
    const headless = answers({ ...whole, services: whole.services.slice(0, 2) });
    assert.match(text(statusOf(headless)), /The edge is missing, so nothing serves the URL\./);
  });

  it('says that an update was rolled back, and by which failure', () => {
    const rolledBack = service('proxy', 2, {
      UpdateStatus: {
        State: 'rollback_completed',
        Message: 'rollback completed',
        CompletedAt: '2026-01-01T00:08:00Z',
      },
    });
    const failed = task('proxy', {
      Slot: 1,
      DesiredState: 'shutdown',
      Status: {
        State: 'failed',
        Err: 'task: non-zero exit (78)',
        Timestamp: '2026-01-01T00:07:00Z',
      },
    });
    const told = {
      ...whole,
      services: [rolledBack, ...whole.services.filter(({ ID }) => ID !== 'id-proxy')],
      tasks: [...whole.tasks, failed],
    };
    const said = text(statusOf(told));
    assert.match(said, /^proxy +2 of 2 +rolled back/m);
    assert.match(
      said,
      /^ {2}its update failed and was rolled back: the version before it serves, 2 min ago: rollback completed\n {2}last failed task, 3 min ago on one: task: non-zero exit \(78\)$/m,
    );
  });

  it('says that a node is drained or down, and what lets it work again', () => {
    const drained = statusOf({
      ...whole,
      tasks: [],
      nodes: [node('one', { availability: 'drain' })],
    });
    assert.equal(isReady(drained), false);
    assert.match(
      text(drained),
      /^Node one is drained: nothing runs there \(edge, proxy, refresher\) until: docker node update --availability active one$/m,
    );
    const down = statusOf({ ...whole, nodes: [node('one', { state: 'down' })] });
    assert.match(
      text(down),
      /^Node one is down: nothing runs there \(edge, proxy, refresher\) until .*: systemctl start docker$/m,
    );
  });

  it('warns of a certificate that ends soon, and says that one has ended', () => {
    const ending = (secondsLeft: number) =>
      text(
        statusOf(whole, { edge: { ...edge, certificate: { ...edge.certificate, secondsLeft } } }),
      );
    assert.match(ending(3 * 86_400), /^Certificate 3 d left, until/m);
    assert.match(ending(-5), /^Certificate expired at 2026-03-01/m);
  });
});

describe('the check of a Swarm', () => {
  it('says what makes an engine a manager, whatever it is at present', () => {
    const said = (info: object) => {
      const problem = managerProblem(info, 'host');
      return problem && [problem.message, ...problem.advice].join('\n');
    };
    assert.equal(said({ LocalNodeState: 'active', ControlAvailable: true }), undefined);
    assert.match(
      said({ LocalNodeState: 'inactive' }) ?? '',
      /is not in a Swarm\.\n.*docker swarm init\n/,
    );
    assert.match(
      said({ LocalNodeState: 'active' }) ?? '',
      /is a worker[\s\S]*docker node promote host/,
    );
    assert.match(said({ LocalNodeState: 'locked' }) ?? '', /docker swarm unlock/);
    assert.match(said({ LocalNodeState: 'error', Error: 'why' }) ?? '', /\(error\): why/);
  });

  const labels = { services: 'lakehouse=true', edge: 'lakehouse=true' };
  const problems = (nodes: NodeAnswer[], registry = true, edge = labels.edge) =>
    nodeProblems(nodes, { ...labels, edge }, { registry }).map(({ message, advice }) =>
      [message, ...advice].join('\n'),
    );

  it('names the command that labels each node when none is labelled, for the edge too', () => {
    const bare = { ...node('one'), Spec: { Availability: 'active' } };
    assert.match(
      problems([bare])[0] ?? '',
      /^No node of the Swarm has the label lakehouse=true[\s\S]*docker node update --label-add lakehouse=true one$/,
    );
    const both = problems([bare], true, 'edge=yes');
    assert.equal(both.length, 2);
    assert.match(both[1] ?? '', /--label-add edge=yes one/);
    assert.deepEqual(problems([node('one')]), []);
  });

  it('finds nodes that take nothing, engines that are too old, and images that only one node has', () => {
    assert.match(
      problems([node('one', { availability: 'drain' })])[0] ?? '',
      /takes services now\.\nLet one take them again: docker node update --availability active one/,
    );
    const old = {
      ...node('one'),
      Description: { Hostname: 'one', Engine: { EngineVersion: '19.03.8' } },
    };
    assert.match(problems([old])[0] ?? '', /engine of one is 19\.03\.8; 20\.10 or newer/);
    assert.match(
      problems([node('one'), node('two')], false)[0] ?? '',
      /2 nodes have the label.*\(one, two\), and without a registry/,
    );
    assert.deepEqual(problems([node('one'), node('two')], true), []);
  });

  it('says when the certificates that an edge got may not be where it starts next', () => {
    const here = { ...node('one'), ID: 'id-one' };
    const found = (nodes: NodeAnswer[]) => edgeDataFindings(nodes, 'edge=yes', 'id-one');
    assert.deepEqual([found([here]), found([])], [{}, {}]);
    const [warning] = found([here, node('two')]).warnings ?? [];
    assert.match(warning?.text ?? '', /^The edge may run on one, two \(label edge=yes\)/);
    assert.match(warning?.fix.join('\n') ?? '', /--set edgeNodeLabel=lakehouse-edge=true/);
    assert.match(found([node('two')]).notes?.[0] ?? '', /will be in a volume on two/);
  });
});

describe('logs of several instances', () => {
  it('carry the engine’s time, and on Swarm the task that wrote them', () => {
    const line = timedLine('2026-01-01T00:00:00.000000001Z {"a": 1}');
    assert.deepEqual(line, { time: '2026-01-01T00:00:00.000000001Z', text: '{"a": 1}' });
    assert.deepEqual(timedLine('plain words'), { time: '', text: 'plain words' });
    const details =
      'com.docker.swarm.node.id=n,com.docker.swarm.service.id=s,com.docker.swarm.task.id=t';
    assert.deepEqual(taskLine({ time: 'T', text: `${details} {"a": "b c"}` }), {
      time: 'T',
      text: '{"a": "b c"}',
      task: 't',
    });
    assert.deepEqual(taskLine({ time: 'T', text: 'words' }), {
      time: 'T',
      text: 'words',
      task: '',
    });
  });

  it('are sorted by time when they are whole, and come as they come when they are followed', async () => {
    const reader = (times: string[]) => async (take: (line: { time: string }) => void) => {
      for (const time of times) take({ time });
    };
    const read = async (follow: boolean) => {
      const seen: string[] = [];
      await merged(follow, [reader(['1', '4']), reader(['2', '3'])], ({ time }) => seen.push(time));
      return seen.join('');
    };
    assert.equal(await read(false), '1234');
    assert.equal(await read(true), '1423');
  });
});
