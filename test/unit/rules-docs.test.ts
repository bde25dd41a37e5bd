import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { rulesPage } from '../../scripts/docs/rules-page.ts';

it('docs/rules.md is what the rules and exceptions are today', () => {
  assert.equal(
    readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8'),
    rulesPage(),
    'docs/rules.md is not what the rules say; make it anew with: npm run docs',
  );
});
