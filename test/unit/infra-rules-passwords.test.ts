import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { passwordProblems, SHORTEST_PASSWORD } from '../../infra/rules/passwords.ts';

describe('a password of production', () => {
  for (const password of [
    'correct horse battery staple',
    'vT9-kq2;Lm4x',
    'the-password-of-1848-and-more',
    'ein längeres Kennwort',
    'x8Fv2qLr9ZtB4nKw',
  ])
    it(`may be like "${password}"`, () => assert.deepEqual(passwordProblems(password), []));

  it(`has ${SHORTEST_PASSWORD} characters`, () => {
    assert.deepEqual(passwordProblems('vT9-kq2;Lm4'), ['has less than 12 characters']);
    assert.deepEqual(passwordProblems(''), ['has less than 12 characters']);
  });

  for (const password of [
    'dremio123456',
    'Password12345',
    'ChangeMe-2026!',
    'minioadminminioadmin',
    'please-change-me',
    'AdminAdminAdmin',
    '123456789012',
  ])
    it(`is not like "${password}"`, () => {
      const problems = passwordProblems(password);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', /default/);
      assert.ok(!problems.join().includes(password));
    });

  it('is not the name of its user', () => {
    assert.deepEqual(passwordProblems('Warehouse-2026', 'warehouse'), ['is the name of its user']);
    assert.deepEqual(passwordProblems('vT9-kq2;Lm4x', 'ß'), []);
  });

  it('is more than one character, repeated', () => {
    assert.deepEqual(passwordProblems('abababababab'), ['repeats the same few characters']);
  });
});
