import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClientRequest, parsePayload } from '../../images/proxy/src/jsonrpc/message.ts';
import { ToolCatalogue } from '../../images/proxy/src/policy/catalogue.ts';
import { ToolPolicy } from '../../images/proxy/src/policy/policy.ts';
import {
  deniedByName,
  type ScopedRules,
  type ToolRules,
  toolPattern,
} from '../../images/proxy/src/policy/rules.ts';
import { filterTools, readTools } from '../../images/proxy/src/policy/tool-list.ts';
import type {
  Answer,
  Upstream,
  UpstreamListener,
} from '../../images/proxy/src/upstream/upstream.ts';

const request = (method: string, params: object = {}) =>
  parsePayload(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params })))
    .messages[0] as ClientRequest;
const ok = (message: string, generation = 1): Answer => ({
  message: [Buffer.from(message)],
  outcome: 'ok',
  generation,
});
const read = ({ message }: Answer) => JSON.parse(Buffer.concat([...message]).toString());

describe('rules for tools by name', () => {
  it('deny before they allow, and ask every place that has some', () => {
    const everybody = (rules: ToolRules): ScopedRules => ({ ...rules, scope: 'settings' });
    const key = (rules: ToolRules): ScopedRules => ({ ...rules, scope: 'key' });
    const table: [ScopedRules[], string, string][] = [
      [[], 'any', ''],
      [[everybody({ allow: ['a'] })], 'a', ''],
      [[everybody({ allow: ['a'] })], 'A', 'allow settings'],
      [[everybody({ allow: ['a'] })], 'ab', 'allow settings'],
      [[everybody({ allow: ['a*'] })], 'ab', ''],
      [[everybody({ allow: ['a*'] })], 'a', ''],
      [[everybody({ allow: ['*'], deny: ['b'] })], 'b', 'deny settings'],
      [[everybody({ deny: ['Get*'] })], 'GetX', 'deny settings'],
      [[everybody({ deny: ['Get*'] })], 'get', ''],
      [[everybody({ allow: ['a'] }), key({ allow: ['b'] })], 'a', 'allow key'],
      [[everybody({ allow: ['a'] }), key({ allow: ['b'] })], 'b', 'allow settings'],
      [[everybody({ deny: ['x'] }), key({ deny: ['a'], allow: ['a'] })], 'a', 'deny key'],
      [[key({ allow: [] })], 'a', 'allow key'],
    ];
    for (const [rules, name, expected] of table) {
      const found = deniedByName(rules, name);
      assert.equal(found ? `${found.rule} ${found.scope}` : '', expected, `${name} ${expected}`);
    }
  });

  it('are names, or beginnings of names', () => {
    for (const good of ['a', 'a*', '*', 'Run SQL', 'a/b.c-d_e']) assert.ok(toolPattern.test(good));
    for (const bad of ['', '**', '*a', 'a*b', 'a\n', 'x'.repeat(129)])
      assert.ok(!toolPattern.test(bad), bad);
  });
});

describe('a list of tools', () => {
  const tool = (name: string, more = '') => `{"name": "${name}"${more}}`;
  const list = (tools: string, rest = ',"nextCursor":"c\\u00e9 2"') =>
    `{"jsonrpc":"2.0","id":7,"result":{"tools":[${tools}]${rest}}}`;
  const kept = (text: string, names: string) =>
    filterTools(Buffer.from(text), ({ name }) => names.includes(name))?.join('');

  it('loses what is denied, and keeps every other byte as the server wrote it', () => {
    const odd = tool('a', ', "max" : 1.50e+400, "big": 12345678901234567890, "é":"\\u00e9\\/"');
    const [b, c] = [tool('b'), tool('c', ',"annotations":{"readOnlyHint":true}')];
    const all = ` ${odd} ,\n ${b},${c} `;
    assert.equal(kept(list(all), 'abc'), list(all));
    assert.equal(kept(list(all), 'a'), list(`${odd} `));
    assert.equal(kept(list(all), 'ac'), list(`${odd},${c} `));
    assert.equal(kept(list(all), 'b'), list(`${b} `));
    assert.equal(kept(list(all), ''), list(' '));
    assert.equal(kept(list(''), 'a'), list(''));
  });

  it('stays JSON whatever is taken out of it, with the rest in order', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 8 }), { maxLength: 8 });
    fc.assert(
      fc.property(names, fc.func(fc.boolean()), fc.nat(3), (all, keep, spaces) => {
        const tools = all.map((name) => ({ name, title: name, inputSchema: { type: 'object' } }));
        const text = JSON.stringify({ id: 1, result: { tools, nextCursor: 'n' } }, null, spaces);
        const filtered = filterTools(Buffer.from(text), ({ name }) => Boolean(keep(name)));
        assert.deepEqual(JSON.parse(filtered?.join('') ?? ''), {
          id: 1,
          result: { tools: tools.filter(({ name }) => keep(name)), nextCursor: 'n' },
        });
      }),
    );
  });

  it('loses what has no name, and is refused when it is no list', () => {
    assert.equal(kept(list(`5,null,{"name":5},${tool('a')},{}`), 'a'), list(tool('a')));
    for (const text of ['{}', '{"result":{}}', '{"result":{"tools":{}}}', '[]', '{"result":5}'])
      assert.equal(
        filterTools(Buffer.from(text), () => true),
        undefined,
        text,
      );
    const twice = `{"result":{"tools":[${tool('a')}],"tools":[${tool('b')}]}}`;
    assert.equal(kept(twice, ''), '{"result":{"tools":[],"tools":[]}}');
  });

  it('says which tools are read-only, and where it goes on', () => {
    const hints = ['true', 'false', '"true"', '1', 'null'].map((hint, i) =>
      tool(`t${i}`, `,"annotations":{"readOnlyHint":${hint}}`),
    );
    const found = readTools(
      Buffer.from(list([...hints, tool('none', ',"annotations":null')].join())),
    );
    assert.deepEqual(
      found?.tools.filter(({ readOnly }) => readOnly).map(({ name }) => name),
      ['t0'],
    );
    assert.equal(found?.nextCursor, 'cé 2');
  });
});

describe('the policy', () => {
  const policy = (rules: ToolRules, own: ToolRules = {}, readOnly: string[] | undefined = ['r']) =>
    new ToolPolicy({
      rules,
      rulesOf: (principal) => (principal === 'mine' ? own : undefined),
      catalogue: {
        readOnly: async () => readOnly && new Set(readOnly),
        saw: () => {},
      },
    });
  const mine = { principal: 'mine', session: 's' };
  const call = (name: unknown) => request('tools/call', { name });

  it('names the tool and the kind of rule to whom it denies one', async () => {
    const table: [ToolPolicy, string, RegExp, string][] = [
      [policy({ deny: ['x'] }), 'x', /^the tool "x" is denied by TOOLS_DENY of the proxy$/, 'deny'],
      [policy({ allow: ['y'] }), 'x', /among those that TOOLS_ALLOW of the proxy allows$/, 'allow'],
      [
        policy({}, { deny: ['x'] }),
        'x',
        /^the tool "x" is denied by tools.deny of this key$/,
        'deny',
      ],
      [policy({ readOnly: true }), 'x', /not marked read-only .*TOOLS_READ_ONLY/, 'read_only'],
      [policy({}, { readOnly: true }), 'x', /not marked read-only .*tools.readOnly/, 'read_only'],
    ];
    for (const [rules, name, words, rule] of table) {
      const stopped = await rules.check(call(name), mine);
      assert.ok(stopped);
      const { id, error } = read(stopped.answer);
      assert.deepEqual([id, error.code, error.data.tool, error.data.rule], [7, -32602, name, rule]);
      assert.match(error.message, words);
      assert.deepEqual([stopped.answer.outcome, stopped.denial?.rule], ['denied', rule]);
    }
  });

  it('lets through what no rule is against, and rules of a key bind that key alone', async () => {
    assert.equal(await policy({}).check(call('x'), mine), undefined);
    assert.equal(await policy({ readOnly: true }).check(call('r'), mine), undefined);
    const other = { principal: 'other', session: 's' };
    assert.equal(await policy({}, { allow: [] }).check(call('x'), other), undefined);
    assert.equal(await policy({ allow: [] }).check(request('prompts/get'), mine), undefined);
  });

  it('denies a name that is not text, and answers 503 when it cannot know', async () => {
    for (const name of [5, null, ['r'], undefined])
      assert.equal(
        (await policy({ deny: ['x'] }).check(call(name), mine))?.answer.outcome,
        'denied',
      );
    const unknown = new ToolPolicy({
      rules: { readOnly: true },
      rulesOf: () => undefined,
      catalogue: { readOnly: async () => undefined, saw: () => {} },
    });
    const stopped = await unknown.check(call('r'), mine);
    assert.equal(stopped?.answer.outcome, 'unavailable');
    assert.equal(stopped?.denial, undefined);
  });

  it('shows a key only what it may call, and no list that it cannot read', () => {
    const list = request('tools/list');
    const all = ok('{"id":7,"result":{"tools":[{"name":"a"},{"name":"b"}]}}');
    const names = (answer: Answer) =>
      read(answer).result.tools.map(({ name }: { name: string }) => name);
    assert.deepEqual(names(policy({}, { deny: ['a'] }).shown(list, 'mine', all)), ['b']);
    assert.deepEqual(names(policy({}, { deny: ['a'] }).shown(list, 'other', all)), ['a', 'b']);
    assert.deepEqual(names(policy({ readOnly: true }).shown(list, 'mine', all)), []);
    assert.equal(policy({}).shown(list, 'mine', all), all, 'no rules, no work');
    const strange = policy({ deny: ['a'] }).shown(list, 'mine', ok('{"id":7,"result":[]}'));
    assert.equal(strange.outcome, 'error');
    assert.match(read(strange).error.message, /cannot be read/);
  });
});

describe('which tools are read-only', () => {
  const CHANGED = Buffer.from('{"method":"notifications/tools/list_changed"}');
  const server = () => {
    const listeners: UpstreamListener[] = [];
    const state = { asked: 0, pages: ['{"result":{"tools":[]}}'], now: 0, generation: 1 };
    const upstream = {
      call: async (asked: ClientRequest) => {
        state.asked++;
        const page = Number(asked.params.cursor ?? 0);
        return ok(state.pages[page] ?? '', state.generation);
      },
      listen: (listener: UpstreamListener) => {
        listeners.push(listener);
        return () => {};
      },
    } as unknown as Upstream;
    const clock = { now: () => state.now, sleep: async () => {} };
    const catalogue = new ToolCatalogue(upstream, clock);
    const names = async () => [
      ...((await catalogue.readOnly({ principal: 'p', session: 's' })) ?? ['?']),
    ];
    return { state, catalogue, names, tell: () => listeners[0]?.onMessage([CHANGED]) };
  };
  const page = (name: string, next?: number) =>
    `{"result":{"tools":[{"name":"${name}","annotations":{"readOnlyHint":true}},{"name":"w"}]${
      next === undefined ? '' : `,"nextCursor":"${next}"`
    }}}`;

  it('is asked once, page by page, until something may have changed', async () => {
    const { state, names, tell, catalogue } = server();
    state.pages = [page('a', 1), page('b')];
    assert.deepEqual(await Promise.all([names(), names()]), [
      ['a', 'b'],
      ['a', 'b'],
    ]);
    assert.equal(state.asked, 2);
    state.pages = [page('c')];
    assert.deepEqual(await names(), ['a', 'b']);
    tell();
    assert.deepEqual(await names(), ['c']);
    state.pages = [page('d')];
    catalogue.saw(1);
    assert.deepEqual(await names(), ['c']);
    catalogue.saw(2);
    assert.deepEqual(await names(), ['d']);
    state.pages = [page('e')];
    state.now = 60_000;
    assert.deepEqual(await names(), ['e']);
    assert.equal(state.asked, 5);
  });

  it('is unknown, not empty, when the server does not tell', async () => {
    const { state, names } = server();
    for (const pages of [['{"error":{}}'], [page('a', 1), '{}'], [page('a', 0)]]) {
      state.pages = pages;
      assert.deepEqual(await names(), ['?']);
    }
  });

  it('is not what was asked before a change that was told meanwhile', async () => {
    const { state, names, tell } = server();
    state.pages = [page('old')];
    const old = names();
    tell();
    state.pages = [page('new')];
    await old;
    assert.deepEqual(await names(), ['new']);
  });
});
