import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { EventStream } from '../../images/proxy/src/front/event-stream.ts';
import type { ResumableStream } from '../../images/proxy/src/front/resumable-stream.ts';
import { type StreamLimits, Streams } from '../../images/proxy/src/front/streams.ts';

const ROOM: StreamLimits = {
  sessionEvents: 1_000,
  sessionBytes: 1 << 20,
  totalBytes: 1 << 20,
  keepMs: 60_000,
};

function world(limits: Partial<StreamLimits> = {}) {
  const time = { now: 1_000_000 };
  return { time, streams: new Streams({ ...ROOM, ...limits }, () => time.now) };
}

/** A connection that writes down what it is given. */
class Connection {
  readonly seen: { id: string; text: string }[] = [];
  ended = false;
  readonly #listeners: (() => void)[] = [];
  prime(id: string): void {
    this.seen.push({ id, text: '' });
  }
  sendAs(id: string, message: readonly Buffer[]): void {
    this.seen.push({ id, text: Buffer.concat(message).toString() });
  }
  end(): void {
    this.ended = true;
  }
  cut(): void {
    for (const listener of this.#listeners) listener();
  }
  onClose(listener: () => void): void {
    this.#listeners.push(listener);
  }
  get texts(): string[] {
    return this.seen.map(({ text }) => text).filter(Boolean);
  }
  get stream(): EventStream {
    return this as unknown as EventStream;
  }
}

const message = (text: string) => [Buffer.from(text)];
function send(stream: ResumableStream, ...texts: string[]): void {
  for (const text of texts) stream.send(message(text));
}
function listenTo(stream: ResumableStream, after?: number): Connection {
  const connection = new Connection();
  stream.connect(connection.stream, after);
  return connection;
}

describe('streams that clients come back to', () => {
  it('give everything once and in order, wherever the connection was lost', () => {
    const texts = ['one', 'two', 'three', 'four'];
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 6 }), (losses) => {
        const { streams } = world();
        const stream = streams.open('s', 'post', true);
        let connection = listenTo(stream);
        const got: string[] = [];
        const lose = () => {
          got.push(...connection.texts);
          const last = connection.seen.at(-1)?.id ?? '';
          connection.cut();
          const found = streams.find('s', last);
          assert.equal(found.kind, 'found');
          if (found.kind !== 'found') return;
          connection = listenTo(found.stream, found.after);
        };
        for (const [i, text] of texts.entries()) {
          for (const loss of losses) if (loss === i) lose();
          send(stream, text);
        }
        stream.end();
        for (const loss of losses) if (loss === 4) lose();
        got.push(...connection.texts);
        assert.deepEqual(got, texts);
        assert.ok(connection.ended);
        streams.close();
      }),
    );
  });

  it('have ids that no other event of any session has, and that name their stream', () => {
    const { streams } = world();
    const other = world().streams;
    const ids = [streams, streams, other].flatMap((owner, i) => {
      const connection = listenTo(owner.open(`s${i}`, 'post', false));
      send(owner.open(`s${i}`, 'get', false).connect(connection.stream), 'a', 'b');
      return connection.seen.map(({ id }) => id);
    });
    assert.equal(new Set(ids).size, 6);
    assert.equal(new Set(ids.map((id) => id.slice(0, id.lastIndexOf('.')))).size, 3);
    for (const id of ids) assert.match(id, /^[!-~]+$/);
  });

  it('are found by their own session alone', () => {
    const { streams } = world();
    const connection = listenTo(streams.open('mine', 'post', true));
    const id = connection.seen[0]?.id ?? '';
    assert.equal(streams.find('mine', id).kind, 'found');
    assert.equal(streams.find('theirs', id).kind, 'gone');
    assert.equal(world().streams.find('mine', id).kind, 'gone');
    const own = listenTo(streams.open('mine', 'get', true)).seen[0]?.id ?? '';
    assert.equal(streams.find('theirs', own).kind, 'anew');
    for (const strange of ['', '1', `${id}x`, id.replace('p', 'q'), `${id}0`.repeat(9), '../p'])
      assert.equal(streams.find('mine', strange).kind, 'strange', strange);
    assert.equal(streams.find('mine', `${id}9`).kind, 'gone', 'an event that was never sent');
  });

  it('are told of each message on one stream only: the newest that is connected', () => {
    const { streams } = world();
    const first = listenTo(streams.open('s', 'get', false));
    const second = listenTo(streams.open('s', 'get', false));
    assert.ok(streams.send('s', message('a')));
    second.cut();
    assert.ok(streams.send('s', message('b')));
    first.cut();
    assert.ok(streams.send('s', message('c')));
    assert.deepEqual([first.texts, second.texts], [['b'], ['a']]);
    const found = streams.find('s', second.seen[0]?.id ?? '');
    assert.deepEqual(found.kind === 'found' && listenTo(found.stream, found.after).texts, ['c']);
    assert.equal(streams.send('nobody', message('d')), false);
  });

  it('end the oldest of five in one session', () => {
    const { streams } = world();
    const all = Array.from({ length: 5 }, () => listenTo(streams.open('s', 'get', false)));
    assert.deepEqual(
      all.map(({ ended }) => ended),
      [true, false, false, false, false],
    );
  });
});

describe('what is kept for clients that come back', () => {
  it('is forgotten after its time, and not while an answer is being worked on', () => {
    const { streams, time } = world();
    const connection = listenTo(streams.open('s', 'post', true));
    const id = connection.seen[0]?.id ?? '';
    const found = streams.find('s', id);
    assert.ok(found.kind === 'found');
    connection.cut();
    time.now += 10 * ROOM.keepMs;
    assert.equal(streams.find('s', id).kind, 'found');
    found.stream.end();
    time.now += ROOM.keepMs - 1;
    assert.equal(streams.find('s', id).kind, 'found');
    time.now += 1;
    assert.equal(streams.find('s', id).kind, 'gone');
    assert.equal(streams.bytes, 0);
  });

  it('leaves an error in the place of an answer that is too large to keep', () => {
    const { streams } = world({ sessionBytes: 20_000 });
    const stream = streams.open('s', 'post', true);
    const connection = listenTo(stream);
    const answer = 'x'.repeat(30_000);
    send(stream, 'progress');
    stream.send(message(answer), '"seven"');
    stream.end();
    assert.equal(connection.texts.at(-1), answer, 'who is there gets it');
    const found = streams.find('s', connection.seen[0]?.id ?? '');
    assert.ok(found.kind === 'found');
    const [text = ''] = listenTo(found.stream, found.after).texts;
    const { id, error } = JSON.parse(text);
    assert.deepEqual([id, error.code, error.data.reason], ['seven', -32000, 'answer_not_kept']);
  });

  it('begins anew rather than with a gap, when messages of the server are gone', () => {
    const { streams } = world({ sessionEvents: 2 });
    const connection = listenTo(streams.open('s', 'get', true));
    for (const text of ['a', 'b', 'c']) streams.send('s', message(text));
    const [primer = '', first = ''] = connection.seen.map(({ id }) => id);
    assert.equal(streams.find('s', primer).kind, 'anew');
    assert.equal(streams.find('s', first).kind, 'found');
  });

  it('stays within its limits whatever comes, and is nothing when all is over', () => {
    const action = fc.record({
      session: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('open', 'get', 'send', 'send', 'answer', 'cut', 'time', 'end'),
      which: fc.nat(5),
      size: fc.oneof(fc.nat(500), fc.nat(40_000)),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const limits = { sessionEvents: 5, sessionBytes: 30_000, totalBytes: 50_000, keepMs: 100 };
        const { streams, time } = world(limits);
        const open: { stream: ResumableStream; connection: Connection }[] = [];
        for (const { session, what, which, size } of actions) {
          const one = open[which % Math.max(1, open.length)];
          if (what === 'open' || what === 'get') {
            const stream = streams.open(session, what === 'get' ? 'get' : 'post', true);
            open.push({ stream, connection: listenTo(stream) });
          } else if (what === 'send') one?.stream.send(message('x'.repeat(size)));
          else if (what === 'answer') {
            one?.stream.send(message('x'.repeat(size)), '1');
            one?.stream.end();
          } else if (what === 'cut') one?.connection.cut();
          else if (what === 'end') streams.endSession(session);
          else time.now += 50;
          // Beyond the limit stand at most the streams that are open, with nothing in them.
          assert.ok(streams.bytes <= limits.totalBytes + open.length * 1_024, `${streams.bytes}`);
        }
        for (const { stream, connection } of open) {
          stream.end();
          connection.cut();
        }
        time.now += limits.keepMs;
        streams.sweep();
        assert.equal(streams.bytes, 0);
        streams.close();
      }),
    );
  });
});
