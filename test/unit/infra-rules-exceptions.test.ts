import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exceptions } from '../../infra/rules/exceptions.ts';
import { rules } from '../../infra/rules/index.ts';
import { container, service } from '../fixtures/rules/good.ts';
import { checks } from '../helpers/hardening-table.ts';

const known = new Set([...rules, ...checks].map(({ id }) => id));

describe('the exceptions from hardening', () => {
  it('may only become fewer', () => assert.ok(exceptions.length <= 7, `${exceptions.length}`));

  it('say why, and what stands in', () => {
    for (const { why, instead } of exceptions) {
      assert.ok(why.length > 20);
      assert.ok(instead.length > 20);
    }
  });

  it('name rules and checks that there are, each once for a platform', () => {
    for (const { rule } of exceptions) assert.ok(known.has(rule), rule);
    const named = exceptions.map(({ rule, platform, component }) =>
      [rule, platform, component].join(),
    );
    assert.equal(new Set(named).size, named.length);
  });

  it('are needed: without it a service as it should be would break the rule', () => {
    const resources = { containers: container(), swarm: service() };
    for (const { rule: id, platform } of exceptions) {
      const rule = rules.find((each) => each.id === id);
      if (rule === undefined) continue;
      const context = { stack: 'it', environment: 'prod' } as const;
      assert.notDeepEqual(rule.check(resources[platform], context), [], `${id} on ${platform}`);
    }
  });
});
