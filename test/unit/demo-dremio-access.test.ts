import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenFromHeader } from '../../images/demo-dremio/src/access/authorization.ts';
import { permissionsOf } from '../../images/demo-dremio/src/access/permissions.ts';
import { fingerprintOf, TokenStore } from '../../images/demo-dremio/src/access/tokens.ts';
import { problemWithUser, UserStore } from '../../images/demo-dremio/src/access/users.ts';

const HOUR = 3_600_000;

test('the token of a header is found in every form that Dremio accepts', () => {
  const forms: [string | undefined, string | undefined][] = [
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   abc', 'abc'],
    ['_dremioabc', 'abc'],
    ['_dremio abc', ' abc'],
    ['abc', 'abc'],
    ['Bearer {"token": "abc"}', 'Bearer {"token": "abc"}'],
    ['Basic abc', 'Basic abc'],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, token] of forms) assert.equal(tokenFromHeader(header), token, header);
});

test('a token looks like one of Dremio: base 32, no dots', () => {
  const { token } = new TokenStore(HOUR, Date.now).issue('demo');
  assert.match(token, /^[0-9a-v]{26}$/);
});

test('a token is valid until its time by the injected clock is over, and not a moment longer', () => {
  let now = 1_000;
  const tokens = new TokenStore(HOUR, () => now);
  const { token, expiresAt } = tokens.issue('demo');
  assert.equal(expiresAt, 1_000 + HOUR);
  now = expiresAt - 1;
  assert.deepEqual(tokens.check(token), {
    state: 'valid',
    userName: 'demo',
    fingerprint: fingerprintOf(token),
  });
  now = expiresAt;
  assert.equal(tokens.check(token).state, 'expired');
});

test('use is counted per token, and use after the end per request', () => {
  const tokens = new TokenStore(HOUR, Date.now);
  const first = tokens.issue('demo').token;
  const second = tokens.issue('demo').token;
  for (const token of [first, first, second, 'never issued', undefined]) tokens.use(token);
  assert.equal(tokens.distinctUsed, 2);
  assert.equal(tokens.usedAfterEnd, 0);
  assert.equal(tokens.revoke(first), true);
  assert.equal(tokens.revoke(first), false);
  assert.equal(tokens.use(first).state, 'revoked');
  assert.equal(tokens.valid, 1);
  assert.equal(tokens.expireAll(), 1);
  assert.equal(tokens.use(second).state, 'expired');
  assert.equal(tokens.usedAfterEnd, 2);
  assert.equal(tokens.distinctUsed, 2);
  assert.equal(tokens.issued, 2);
});

test('a changed token life holds for tokens issued from then on', () => {
  const tokens = new TokenStore(HOUR, () => 0);
  const before = tokens.issue('demo').expiresAt;
  tokens.setLife(5_000);
  assert.deepEqual([before, tokens.issue('demo').expiresAt], [HOUR, 5_000]);
});

test('tokens are forgotten beyond ten thousand, oldest first', () => {
  const tokens = new TokenStore(HOUR, () => 0);
  const oldest = tokens.issue('demo').token;
  for (let i = 0; i < 9_999; i++) tokens.issue('demo');
  assert.equal(tokens.check(oldest).state, 'valid');
  tokens.issue('demo');
  assert.equal(tokens.check(oldest).state, 'unknown');
});

test('user names and passwords follow Dremio rules', () => {
  const problem = (userName: string, password: string) => problemWithUser({ userName, password });
  assert.equal(problem('demo', 'letters-and-1'), undefined);
  for (const password of ['short1', 'onlyletters', '1234567890'])
    assert.match(problem('demo', password) ?? '', /at least 8 letters/);
  assert.match(problem('a"b', 'letters-and-1') ?? '', /quotes or colons/);
  assert.match(problem('a:b', 'letters-and-1') ?? '', /quotes or colons/);
  assert.match(problem(' ', 'letters-and-1') ?? '', /empty/);
});

test('only the right password of a known user is verified', () => {
  const users = new UserStore(() => 7);
  users.add({ userName: 'ann', password: 'letters-and-1' });
  assert.equal(users.verify('ann', 'letters-and-1')?.createdAt, 7);
  assert.equal(users.verify('ann', 'letters-and-2'), undefined);
  assert.equal(users.verify('ben', 'letters-and-1'), undefined);
  assert.throws(() => users.add({ userName: 'ann', password: 'letters-and-1' }), /ann exists/);
});

test('version 24 has fourteen permissions, later ones have sixteen', () => {
  assert.equal(Object.keys(permissionsOf('24.2.6-x')).length, 14);
  assert.equal(Object.keys(permissionsOf('26.0.0')).length, 16);
  assert.equal(permissionsOf('26.0.0').canViewAllJobs, true);
});
