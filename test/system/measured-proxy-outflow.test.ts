import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createLogger } from '../../images/kit/src/logger.ts';
import { EventStream } from '../../images/proxy/src/front/event-stream.ts';
import {
  type CutReason,
  Outflow,
  type OutflowLimits,
} from '../../images/proxy/src/front/outflow.ts';
import { Reply } from '../../images/proxy/src/front/reply.ts';
import { type Front, startFront } from '../../images/proxy/src/front/server.ts';
import { until } from '../fixtures/proxy/harness.ts';

const MIB = 1024 * 1024;
/** More than the system holds for a connection that nobody reads. */
const LARGE = 32 * MIB;

interface World extends AsyncDisposable {
  readonly cuts: CutReason[];
  readonly streams: EventStream[];
  readonly front: Front;
  /** Number of POSTs that were answered, or begun to be. */
  served(): number;
}

/** A front that answers each POST with as much JSON as its body says, and each GET with a stream. */
async function world(limits: Partial<OutflowLimits>): Promise<World> {
  const cuts: CutReason[] = [];
  const streams: EventStream[] = [];
  let served = 0;
  const front = await startFront({
    port: 0,
    guard: {
      allowsHost: () => true,
      allowsOrigin: () => true,
      keys: { identify: () => ({ name: 'x' }) },
    } as unknown as Parameters<typeof startFront>[0]['guard'],
    clientOf: () => undefined,
    era: {
      post: async ({ response, outflow }, { messages }) => {
        served++;
        const [message] = messages;
        const bytes = Number(message?.kind === 'notification' && message.params.bytes);
        const accepts = { json: true, stream: false };
        const openStream = () => new EventStream(response, outflow);
        const answer = {
          message: [Buffer.alloc(bytes, 'x')],
          outcome: 'ok',
          generation: 1,
        } as const;
        new Reply({ response, accepts, outflow, ids: ['1'], openStream }).finish([answer], {
          batch: false,
        });
      },
      get: ({ response, outflow }) => {
        streams.push(new EventStream(response, outflow));
      },
      delete: () => {},
      close: () => {},
    },
    bodyLimit: 1_000,
    outflow: {
      stallMs: 60_000,
      connectionBytes: 1_000 * MIB,
      totalBytes: 1_000 * MIB,
      ...limits,
      onCut: (reason) => cuts.push(reason),
    },
    log: createLogger({ service: 'proxy', level: 'error' }),
    onAnswer: () => {},
  });
  return { cuts, streams, front, served: () => served, [Symbol.asyncDispose]: () => front.close() };
}

class Client {
  readonly socket: Socket;
  received = 0;
  lost = false;
  constructor(front: Front) {
    this.socket = connect(front.port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.lost = true;
    });
  }
  get(): void {
    this.socket.write('GET /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n');
  }
  ask(bytes: number): void {
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'give', params: { bytes } });
    this.socket.write(
      `POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }
  /** Reads everything from now on. */
  read(): void {
    this.socket.on('data', (piece: Buffer) => {
      this.received += piece.length;
    });
  }
}

/** As long as it takes until a client is cut elsewhere that takes nothing for this time. */
async function stallOfAnother(stallMs: number): Promise<void> {
  await using elsewhere = await world({ stallMs });
  const deaf = new Client(elsewhere.front);
  deaf.ask(LARGE);
  await until(() => elsewhere.cuts.length > 0);
  deaf.socket.destroy();
}

describe('clients that do not read', { concurrency: true }, () => {
  it('fault 16: are cut when nothing of their answer moved for the time that is set', async () => {
    await using here = await world({ stallMs: 2_000 });
    const deaf = new Client(here.front);
    const start = performance.now();
    deaf.ask(LARGE);
    const other = new Client(here.front);
    other.read();
    other.ask(1_000);
    await until(() => other.received > 1_000);
    await until(() => here.cuts.length > 0);
    const took = performance.now() - start;
    assert.ok(took >= 2_000 && took < 3_900, `cut after ${took} ms, and not after twice the time`);
    assert.deepEqual(here.cuts, ['stalled']);
    assert.equal(other.lost, false);
    deaf.socket.destroy();
    other.socket.destroy();
  });

  it('fault 17: are not cut while they take what is theirs, however slowly', async () => {
    await using here = await world({ stallMs: 500 });
    const slow = new Client(here.front);
    slow.ask(LARGE);
    const start = performance.now();
    const step = () => {
      const piece = slow.socket.read(1.5 * MIB) ?? slow.socket.read();
      slow.received += piece?.length ?? 0;
    };
    const timer = setInterval(step, 60);
    await until(() => slow.received > LARGE, 20_000);
    clearInterval(timer);
    assert.ok(performance.now() - start > 1_000, 'it took twice the limit');
    // The connection is kept, and idle longer than a stall may last.
    await stallOfAnother(800);
    slow.read();
    slow.ask(1_000);
    await until(() => slow.received > LARGE + 1_000);
    assert.deepEqual(here.cuts, []);
    slow.socket.destroy();
  });

  it('are not cut on a stream that they caught up with, however long nothing comes then', async () => {
    await using here = await world({ stallMs: 500 });
    const client = new Client(here.front);
    client.get();
    const stream = await until(() => here.streams[0]);
    stream.send([Buffer.alloc(LARGE, 'x')]);
    client.read();
    await until(() => client.received > LARGE, 10_000);
    await stallOfAnother(800);
    assert.deepEqual([client.lost, here.cuts], [false, []]);
    client.socket.destroy();
  });

  it('are cut on a stream at the next message when too much waits for them', async () => {
    await using here = await world({ connectionBytes: MIB });
    const deaf = new Client(here.front);
    deaf.get();
    const stream = await until(() => here.streams[0]);
    let sent = 0;
    while (here.cuts.length === 0 && sent < 64) {
      stream.send([Buffer.alloc(MIB, 'x')]);
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(here.cuts, ['unread']);
    deaf.socket.destroy();
  });

  it('hold up the requests that they sent ahead on the same connection', async () => {
    await using here = await world({});
    const deaf = new Client(here.front);
    for (let i = 0; i < 5; i++) deaf.ask(LARGE);
    const other = new Client(here.front);
    other.read();
    other.ask(1_000);
    await until(() => other.received > 1_000);
    assert.equal(here.served(), 2);
    deaf.read();
    await until(() => deaf.received > 5 * LARGE, 20_000);
    assert.equal(here.served(), 6);
    for (const { socket } of [deaf, other]) socket.destroy();
  });

  it('are cut, those that wait longest first, when all together wait for too much', async () => {
    await using here = await world({ totalBytes: 2.5 * LARGE });
    const deaf = [1, 2, 3, 4].map(() => new Client(here.front));
    for (const client of deaf) {
      client.ask(LARGE);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await until(() => here.cuts.length === 2);
    for (const client of deaf) client.read();
    await until(() => deaf.slice(2).every(({ received }) => received > LARGE), 10_000);
    assert.deepEqual(here.cuts, ['total', 'total']);
    assert.deepEqual(
      deaf.map(({ received }) => received > LARGE),
      [false, false, true, true],
    );
    for (const { socket } of deaf) socket.destroy();
  });
});

it('a client that took everything is not cut when its time is over before anyone looked', async (t) => {
  // Nobody looks at the connections now and then: what is left is the time of each.
  t.mock.timers.enable({ apis: ['setInterval'] });
  const cuts: CutReason[] = [];
  const limits = { stallMs: 60_000, connectionBytes: LARGE, totalBytes: 2 * LARGE };
  const outflow = new Outflow({ ...limits, onCut: (reason) => cuts.push(reason) });
  let answered: Socket | null = null;
  const server = createServer((_, response) => {
    answered = response.socket;
    response.write(Buffer.alloc(LARGE));
    outflow.wrote(response, LARGE);
  });
  // Without a listener Node would end the connection by itself.
  server.on('timeout', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => {
    client.destroy();
    server.close();
  });
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  let received = 0;
  await until(() => (outflow.unread > 0 ? answered : undefined));
  client.on('data', (piece) => {
    received += piece.length;
  });
  await until(() => received > LARGE && outflow.unread === 0, 20_000);
  const socket = answered as unknown as Socket;
  assert.ok(socket.timeout, 'its time is still set');
  outflow.timedOut(socket);
  assert.deepEqual([socket.destroyed, socket.timeout, cuts], [false, 0, []]);
});
