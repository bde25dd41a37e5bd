import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, FaultPlan } from '../../images/demo-dremio/src/control/faults.ts';
import { type RequestEntry, RequestLog } from '../../images/demo-dremio/src/control/request-log.ts';
import { empty } from '../../images/demo-dremio/src/http/answer.ts';
import { isLoopback } from '../../images/demo-dremio/src/http/loopback.ts';
import { findRoute, type Route } from '../../images/demo-dremio/src/http/route.ts';

const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  access: 'token',
  handle: () => empty(204),
});
const routes = [
  route('GET', '/c'),
  route('GET', '/c/by-path/*path'),
  route('GET', '/c/:id'),
  route('POST', '/c/:id'),
  route('GET', '/c/:id/tag'),
];
const found = (method: string, path: string) => {
  const match = findRoute(routes, method, path);
  return match.kind === 'route'
    ? [match.route.path, match.params, match.rest]
    : match.kind === 'wrong-method'
      ? [match.kind, match.allow]
      : [match.kind];
};

test('paths are split before they are decoded, so an encoded slash stays inside its segment', () => {
  assert.deepEqual(found('GET', '/c/dremio%3A%2FSamples%2Fa%20b'), [
    '/c/:id',
    { id: 'dremio:/Samples/a b' },
    [],
  ]);
  assert.deepEqual(found('GET', '/c/by-path/Samples/a%2Fb/c.csv'), [
    '/c/by-path/*path',
    {},
    ['Samples', 'a/b', 'c.csv'],
  ]);
});

test('what no route has is unknown, what another method has is a wrong method', () => {
  assert.deepEqual(found('GET', '/c/'), ['/c', {}, []]);
  assert.deepEqual(found('HEAD', '/c'), ['/c', {}, []]);
  assert.deepEqual(found('GET', '/x'), ['unknown']);
  assert.deepEqual(found('GET', '/c/1/2'), ['unknown']);
  assert.deepEqual(found('GET', '/c//tag'), ['unknown']);
  assert.deepEqual(found('DELETE', '/c/1'), ['wrong-method', ['GET', 'POST']]);
  assert.deepEqual(found('POST', '/c'), ['wrong-method', ['GET']]);
  assert.deepEqual(found('GET', '/c/%zz'), ['malformed']);
});

test('faults are used up in the order in which they were ordered', () => {
  const plan = new FaultPlan();
  plan.next('GET /a/*', { status: 500, times: 2 });
  plan.next('/a/b', { status: 503 });
  assert.equal(plan.take('POST', '/a/c'), undefined);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => plan.take('GET', '/a/b')?.status),
    [500, 500, 503, undefined],
  );
  assert.equal(plan.pending, 0);
});

test('a fault can be withdrawn, last until cleared, and match by regular expression', () => {
  const plan = new FaultPlan();
  const withdraw = plan.next(/^GET /g, { status: 500, times: Number.POSITIVE_INFINITY });
  for (let i = 0; i < 5; i++) assert.equal(plan.take('GET', '/any')?.status, 500);
  withdraw();
  assert.equal(plan.take('GET', '/any'), undefined);
  plan.next('*', { status: 500 });
  plan.clear();
  assert.equal(plan.take('GET', '/any'), undefined);
  assert.throws(() => plan.next('/a', { times: 0 }), /times is 0/);
});

test('a fault answers in the shape that Dremio has for its status', () => {
  assert.equal(answerOf({ delayMs: 5 }), undefined);
  assert.deepEqual(answerOf({ status: 401 }), { status: 401, headers: {}, body: '' });
  assert.match(answerOf({ status: 503 })?.body ?? '', /"errorMessage"/);
  assert.match(answerOf({ html: '<p>' })?.headers['content-type'] ?? '', /text\/html/);
  assert.equal(answerOf({ json: { token: 5 }, status: 200 })?.body, '{"token":5}');
  const custom = answerOf({ status: 429, headers: { 'retry-after': '1' } });
  assert.equal(custom?.headers['retry-after'], '1');
});

const entry = (seq: number, path = '/a'): RequestEntry => ({
  seq,
  time: 0,
  method: 'GET',
  path,
  route: path,
  token: undefined,
  tokenState: 'none',
  status: 200,
  durationMs: 0,
});

test('the log keeps the newest requests and counts them all', () => {
  const log = new RequestLog(3);
  for (let seq = 1; seq <= 20; seq++) log.add(entry(seq));
  assert.deepEqual(
    log.entries().map(({ seq }) => seq),
    [18, 19, 20],
  );
  assert.equal(log.total, 20);
  const none = new RequestLog(0);
  none.add(entry(1));
  assert.deepEqual([none.entries().length, none.total], [0, 1]);
});

test('waiting sees requests of the past and of the future, and says what came instead', async () => {
  const log = new RequestLog(10);
  log.add(entry(1));
  assert.equal((await log.waitFor('GET /a')).seq, 1);
  const third = log.waitFor('GET /a', { count: 3 });
  log.add(entry(2));
  log.add(entry(3, '/b'));
  log.add(entry(4));
  assert.equal((await third).seq, 4);
  await assert.rejects(
    log.waitFor('GET /c', { timeoutMs: 1 }),
    /no GET \/c within 1 ms; .*GET \/b 200/,
  );
});

test('loopback is known in all its forms', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost'])
    assert.equal(isLoopback(address), true, address);
  for (const address of ['10.0.0.1', '::', '0.0.0.0', '128.0.0.1', 'example', undefined])
    assert.equal(isLoopback(address), false, address);
});
