import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readEvents } from '../../scripts/preview/events.ts';
import { codeBlock, inlineCode } from '../../scripts/preview/markdown.ts';
import { MARKER, markdown, type StackReport } from '../../scripts/preview/report.ts';

const urn = (type: string, name: string) => `urn:pulumi:dev::lakehouse-mcp::${type}::${name}`;

/** The event of a planned step as the CLI writes it. */
const step = (op: string, type: string, name: string, custom = true) => {
  const state = { type, urn: urn(type, name), custom };
  return { resourcePreEvent: { metadata: { op, type, urn: urn(type, name), new: state } } };
};
const policy = (enforcementLevel: string, message: string) => ({
  policyEvent: {
    resourceUrn: urn('docker:index/container:Container', 'proxy'),
    message: `<{%reset%}>${message}<{%reset%}>`,
    policyName: 'read-only-root',
    enforcementLevel,
  },
});
const diagnostic = (severity: string, message: string, about = '') => ({
  diagnosticEvent: { severity, message: `<{%fg 3%}>${message}<{%reset%}>\n`, urn: about },
});
const log = (...events: object[]) => events.map((event) => JSON.stringify(event)).join('\n');

const report = (preview: string, more: Partial<StackReport> = {}): string =>
  markdown({
    stacks: [{ stack: 'dev', preview: readEvents(preview), seconds: 3.4, ...more }],
    pulumi: 'v3.259.0',
    ...(more.comparison === undefined ? {} : { base: 'abc1234' }),
  });

describe('the report of a preview', () => {
  it('counts what a new stack gets, by type, without components and providers', () => {
    const text = report(
      log(
        step('create', 'pulumi:pulumi:Stack', 'lakehouse-mcp-dev', false),
        step('create', 'lakehouse:index:DremioMcp', 'dremio', false),
        step('create', 'pulumi:providers:docker', 'default_5_2_0'),
        step('create', 'docker:index/container:Container', 'proxy'),
        step('create', 'docker:index/container:Container', 'demo'),
        step('same', 'docker:index/network:Network', 'edge'),
        { summaryEvent: { PolicyPacks: { 'lakehouse-mcp|local|/checkout/policy': '0.1.0' } } },
      ),
    );
    assert.match(
      text,
      /### dev: passes\n\n2 resources to make · 0 policy violations \(lakehouse-mcp\) · 0 warnings/,
    );
    assert.match(text, /\| 2 \| ` docker Container ` \| ` proxy, demo ` \|/);
    assert.doesNotMatch(text, /DremioMcp|default_5_2_0|edge/);
    assert.ok(text.startsWith(MARKER), 'the workflow finds its comment by the marker');
  });

  it('is a refusal where a mandatory policy is broken, and only a warning where an advisory is', () => {
    const refused = report(log(policy('mandatory', 'its root is writable')));
    assert.match(refused, /## Preview: dev ❌/);
    assert.match(refused, /1 policy violation/);
    assert.match(refused, /proxy, read-only-root: its root is writable/);
    const warned = report(log(policy('advisory', 'its root is writable')));
    assert.match(warned, /## Preview: dev ✅/);
    assert.match(warned, /1 warning/);
  });

  it('shows errors and warnings once each, without colours, and leaves passing states out', () => {
    const text = report(
      log(
        diagnostic('warning', 'caddyImage has no digest'),
        diagnostic('warning', 'caddyImage has no digest'),
        { diagnosticEvent: { severity: 'warning', message: 'still looking', ephemeral: true } },
        diagnostic('error', 'preview failed'),
        diagnostic('error', '\u001b[31m"domain" is not set\u001b[0m'),
      ),
    );
    assert.match(text, /1 warning · 1 error/);
    assert.match(text, /"domain" is not set\n/);
    assert.equal(text.split('caddyImage has no digest').length, 2);
    for (const gone of ['still looking', 'preview failed', '<{%', '\u001b'])
      assert.ok(!text.includes(gone), JSON.stringify(gone));
  });

  it('shouts where a volume with data goes, and says what `up` will do about it', () => {
    const change = { type: 'docker:index/volume:Volume', name: 'acme', reason: 'changed: name' };
    const text = report('', {
      comparison: {
        changes: [
          { ...change, operation: 'replace', loses: 'data', isProtected: false },
          { ...change, name: 'kept', operation: 'delete', loses: 'data', isProtected: true },
          { ...change, name: 'token', operation: 'replace', loses: 'memory', isProtected: false },
        ],
      },
    });
    assert.match(
      text,
      /\[!CAUTION\]\n> The volume ` acme ` is replaced\. \*\*What is on it is lost/,
    );
    assert.match(text, /\[!CAUTION\]\n> The volume ` kept ` is deleted\. It is protected/);
    assert.match(text, /\[!NOTE\]\n> The volume in memory ` token ` is replaced/);
    assert.match(text, /mocks/, 'a reader is told what the comparison rests on');
  });

  it('says why it cannot compare', () => {
    const text = report('', { comparison: { unknown: '"prod" needs the Swarm platform' } });
    assert.match(text, /Against ` abc1234 `\*\*: there is nothing to compare with/);
    assert.match(text, /"prod" needs the Swarm platform/);
  });

  it('fits into a comment whatever it has to say, and a program’s text cannot leave its box', () => {
    const words = fc.string({ maxLength: 3000, unit: 'grapheme' });
    const remarks = fc.array(words, { maxLength: 60 });
    fc.assert(
      fc.property(remarks, remarks, fc.array(words, { maxLength: 80 }), (errors, rules, names) => {
        const preview = readEvents(
          log(
            ...errors.map((message) => diagnostic('error', message)),
            ...rules.map((message) => policy('mandatory', message)),
            ...names.map((name) => step('create', 'docker:index/volume:Volume', name)),
          ),
        );
        const stack: StackReport = { stack: 'dev', preview, seconds: 1 };
        const text = markdown({ stacks: [stack, stack, stack], pulumi: 'v3' });
        assert.ok(Buffer.byteLength(text) < 65_536, `${text.length} characters`);
        assert.match(text, /### dev/, 'at least one stack is told in full');
      }),
      { numRuns: 30 },
    );
    assert.equal(codeBlock('a ``` b @team'), '````text\na ``` b @team\n````');
    assert.equal(inlineCode('x|`y`\n@team'), '`` x\\|`y` @team ``');
  });

  it('reads a log that an interrupt has cut off', () => {
    const whole = log(step('create', 'docker:index/volume:Volume', 'token'));
    assert.equal(readEvents(`${whole}\n{"resourcePre`).steps.length, 1);
  });
});
