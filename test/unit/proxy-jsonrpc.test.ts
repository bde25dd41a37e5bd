import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ClientRequest,
  MessageError,
  parsePayload,
  renumber,
} from '../../images/proxy/src/jsonrpc/message.ts';
import {
  depthOf,
  eachMember,
  elements,
  onOneLine,
  skipValue,
  splice,
} from '../../images/proxy/src/jsonrpc/scan.ts';
import {
  idOfOversize,
  isToolError,
  paramSpan,
  readServerMessage,
  withClientId,
} from '../../images/proxy/src/jsonrpc/server-message.ts';

/** JSON text of any value, with white space in any of the places where JSON allows it. */
const jsonText = fc
  .tuple(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t', ' \n'))
  .map(([value, indent]) => JSON.stringify(value, null, indent as string | undefined));
const request = (text: string) => parsePayload(Buffer.from(text)).messages[0] as ClientRequest;
const text = (pieces: readonly Buffer[]) => Buffer.concat(pieces).toString();

describe('scanning JSON bytes', () => {
  it('finds the end of any value', () => {
    fc.assert(
      fc.property(jsonText, fc.constantFrom('', ',', ' }', ']'), (json, after) => {
        const bytes = Buffer.from(json + after);
        assert.equal(skipValue(bytes, 0), Buffer.byteLength(json));
      }),
    );
  });

  it('finds the same members as a JSON parser', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 2), (value, indent) => {
        const bytes = Buffer.from(JSON.stringify(value, null, indent));
        const found: [string, unknown][] = [];
        const end = eachMember(bytes, 0, (key, { start, end }) => {
          found.push([key, JSON.parse(bytes.toString('utf8', start, end))]);
          return true;
        });
        assert.equal(end, bytes.length);
        assert.deepEqual(found, Object.entries(JSON.parse(bytes.toString())));
      }),
    );
  });

  it('finds the elements of arrays', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), (values) => {
        const bytes = Buffer.from(JSON.stringify(values, null, 1));
        const found = elements(bytes, 0)?.map(({ start, end }) =>
          JSON.parse(bytes.toString('utf8', start, end)),
        );
        assert.deepEqual(found, JSON.parse(bytes.toString()));
      }),
    );
  });

  it('never throws or runs on for ever over bytes that are no JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const bytes = Buffer.from(noise);
        assert.ok(eachMember(bytes, 0, () => true) <= bytes.length);
        assert.ok(skipValue(bytes, 0) <= bytes.length);
        elements(bytes, 0);
        depthOf(bytes);
        readServerMessage(bytes);
      }),
    );
  });

  it('measures depth without descending', () => {
    assert.equal(depthOf(Buffer.from('1')), 0);
    assert.equal(depthOf(Buffer.from('{"[[[":[{"a":"}]"}]}')), 3);
    assert.equal(depthOf(Buffer.from('['.repeat(1_000_000))), 1_000_000);
  });

  it('puts JSON on one line without changing what it says', () => {
    fc.assert(
      fc.property(jsonText, (json) => {
        const line = onOneLine(Buffer.from(json.replaceAll('\n', '\r\n'))).toString();
        assert.ok(!/[\r\n]/.test(line));
        assert.deepEqual(JSON.parse(line), JSON.parse(json));
      }),
    );
  });

  it('applies edits in any order', () => {
    const edits = [
      { span: { start: 4, end: 5 }, value: 'EE' },
      { span: { start: 1, end: 2 }, value: '' },
    ];
    assert.equal(text(splice(Buffer.from('abcdef'), edits)), 'acdEEf');
  });
});

describe('requests of clients', () => {
  it('reach the server with another id and progress token, and every other byte as it was', () => {
    const message =
      '{ "params":{"_meta":{"progressToken": "t", "x":1.10},"name":"n","arguments":{"id":3,"big":12345678901234567890}}, "id" : "a" ,"method":"tools/call","jsonrpc":"2.0" }';
    assert.equal(
      text(renumber(request(message), 7)),
      message.replace('"id" : "a"', '"id" : 7').replace('"t"', '7'),
    );
  });

  it('reach the server on one line', () => {
    const pretty = JSON.stringify(
      { jsonrpc: '2.0', id: 1, method: 'm', params: { a: '\n' } },
      null,
      2,
    );
    assert.deepEqual(JSON.parse(text(renumber(request(pretty), 2))), {
      ...JSON.parse(pretty),
      id: 2,
    });
    assert.ok(!text(renumber(request(pretty), 2)).includes('\n'));
  });

  it('are refused when two readers could understand them differently', () => {
    const twice = [
      '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"name":"x","name":"y"}}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"progressToken":1,"progressToken":2}}}',
      '{"jsonrpc":"2.0","id":1,"met\\u0068od":"b","method":"a"}',
    ];
    for (const message of twice)
      assert.throws(
        () => request(message),
        (error) => {
          assert.ok(error instanceof MessageError);
          assert.match(error.message, /stands twice/);
          return error.code === -32600;
        },
      );
  });

  it('may hold the same key in their own arguments at different depths', () => {
    assert.equal(
      request('{"jsonrpc":"2.0","id":1,"method":"a","params":{"id":1,"method":2}}').method,
      'a',
    );
  });

  it('are read or refused, whatever they are', () => {
    fc.assert(
      fc.property(jsonText, (json) => {
        try {
          parsePayload(Buffer.from(json));
        } catch (error) {
          assert.ok(error instanceof MessageError);
        }
      }),
    );
  });
});

describe('messages of servers', () => {
  it('P5: are read or passed over, whatever bytes they are, and never as an answer to another id', () => {
    const id = 4711;
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((json) => Buffer.from(json)),
      fc.string().map((text) => Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${text}`)),
      fc.jsonValue().map((other) => {
        const message = { jsonrpc: '2.0', id: other, result: {} };
        return Buffer.from(JSON.stringify(message));
      }),
    );
    fc.assert(
      fc.property(bytes, (line) => {
        const message = readServerMessage(Buffer.from(line));
        if (message?.kind !== 'response' || message.id === id) return;
        assert.equal(JSON.parse(Buffer.from(line).toString()).id, message.id);
      }),
    );
  });

  it('are told apart wherever their keys stand', () => {
    const kind = (line: string) => readServerMessage(Buffer.from(line))?.kind;
    assert.equal(kind('{"jsonrpc":"2.0","id":1,"result":{}}'), 'response');
    assert.equal(kind('{"result":{"id":9},"jsonrpc":"2.0","id":1}'), 'response');
    assert.equal(kind('{"jsonrpc":"2.0","id":1,"error":{"code":1}}'), 'response');
    assert.equal(kind('{"method":"x","jsonrpc":"2.0","id":"a"}'), 'request');
    assert.equal(kind('{"method":"x","jsonrpc":"2.0"}'), 'notification');
    for (const line of [
      '',
      'x',
      '{}',
      '[]',
      '{"id":1}',
      '{"id":"1","result":{}}',
      '{"id":1,"result":{',
    ])
      assert.equal(kind(line), undefined, line);
    assert.equal(kind('{"id":null,"result":{}}'), undefined);
    assert.equal(kind('{"method":5}'), undefined);
  });

  it('get the client’s id back and keep every other byte', () => {
    const line = '{"jsonrpc":"2.0","result":{"n":12345678901234567890,"id":4},"id":4}';
    const message = readServerMessage(Buffer.from(line));
    assert.ok(message?.kind === 'response');
    assert.equal(text(withClientId(message, '"x"')), line.replace(/"id":4}$/, '"id":"x"}'));
  });

  it('show a failed tool, and are not deceived by text that looks like one', () => {
    const says = (result: unknown) => isToolError(Buffer.from(JSON.stringify({ id: 1, result })));
    assert.equal(says({ content: [], isError: true }), true);
    assert.equal(says({ content: [], isError: false }), false);
    assert.equal(says({ content: [{ type: 'text', text: '"isError":true' }] }), false);
    assert.equal(says({ structuredContent: { isError: true } }), false);
  });

  it('name their call even when they are too large to keep', () => {
    const id = (head: string, tail: string) => idOfOversize(Buffer.from(head), Buffer.from(tail));
    assert.equal(id('{"jsonrpc":"2.0","id":12,"result":{"a', 'zzz"}}'), 12);
    assert.equal(id('{"id": 3, "jsonrpc": "2.0", "result": {', 'zzz"}}'), 3);
    assert.equal(id('{"result":{"a', 'zz"},"jsonrpc":"2.0","id":5}'), 5);
    assert.equal(id('{"result":{"a', 'zz"},"id":6,"jsonrpc":"2.0"}'), 6);
    assert.equal(id('{"method":"x","params":{"id":7', ',"id":7}}'), undefined);
  });

  it('show where their progress token stands', () => {
    const line = Buffer.from(
      '{"method":"notifications/progress","params":{"progress":1,"progressToken":42}}',
    );
    const span = paramSpan(line, 'progressToken');
    assert.equal(span && line.toString('utf8', span.start, span.end), '42');
    assert.equal(paramSpan(Buffer.from('{"method":"x"}'), 'progressToken'), undefined);
  });
});
