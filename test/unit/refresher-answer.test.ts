import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Answer, readLogin, readProbe } from '../../images/refresher/src/core/answer.ts';
import { HOUR, SECOND, START } from '../helpers/refresher-world.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const answer = (status: number, body: string, headers: Answer['headers'] = JSON_TYPE): Answer => ({
  status,
  headers,
  body,
  sentAt: START,
  receivedAt: START + 20,
});
const login = (fields: object) => JSON.stringify({ userName: 'demo', admin: true, ...fields });
const failureOf = (given: Answer) => {
  const result = readLogin(given);
  assert.equal(result.ok, false);
  return result.failure;
};

describe('a login answer', () => {
  it('gives the token and its end as Dremio says', () => {
    const expires = START + 30 * HOUR;
    const result = readLogin(answer(200, login({ token: 'abc0123', expires })));
    assert.deepEqual(result, {
      ok: true,
      token: 'abc0123',
      expiresAt: expires,
      lifeMs: 30 * HOUR - 20,
      skewMs: 0,
    });
  });

  for (const minutes of [-10, 10])
    it(`from a Dremio whose clock is ${minutes} min off gives the end in our own clock, at most 1 s early`, () => {
      const skew = minutes * 60 * SECOND;
      const headers = { ...JSON_TYPE, date: new Date(START + skew).toUTCString() };
      const body = login({ token: 'abc', expires: START + skew + HOUR });
      const result = readLogin(answer(200, body, headers));
      assert.ok(result.ok);
      assert.ok(result.expiresAt <= START + HOUR && result.expiresAt >= START + HOUR - 1000);
    });

  const html = '<!doctype html><title>Dremio Cloud</title>';
  const table: [string, Answer, string, RegExp][] = [
    [
      '401',
      answer(401, '{"errorMessage":"Login failed"}'),
      'credentials_refused',
      /DREMIO_USERNAME/,
    ],
    ['401 without a body', answer(401, '', {}), 'credentials_refused', /password/],
    ['401 as a web page', answer(401, html), 'wrong_product', /web page/],
    ['403', answer(403, '{"errorMessage":"No User Available"}'), 'no_first_user', /first user/],
    ['403 as a web page', answer(403, html), 'wrong_product', /DREMIO_URL/],
    ['404', answer(404, '{}'), 'wrong_product', /DREMIO_URL/],
    ['408', answer(408, ''), 'dremio_failing', /408/],
    ['415', answer(415, ''), 'malformed_answer', /415/],
    ['429', answer(429, ''), 'dremio_throttling', /fewer/],
    ['500', answer(500, '{"errorMessage":"x"}'), 'dremio_failing', /500/],
    [
      '502 as a web page',
      answer(502, html, { 'content-type': 'text/html' }),
      'dremio_failing',
      /502/,
    ],
    [
      '200 as a web page',
      answer(200, html, { 'content-type': 'text/html' }),
      'wrong_product',
      /HTML/,
    ],
    ['200 that is no JSON', answer(200, 'hello'), 'malformed_answer', /token/],
    ['200 with null', answer(200, 'null'), 'malformed_answer', /token/],
    [
      '200 without a token',
      answer(200, login({ expires: START + HOUR })),
      'malformed_answer',
      /token/,
    ],
    [
      'a token with a line break',
      answer(200, login({ token: 'a\nb', expires: START + HOUR })),
      'malformed_answer',
      /token/,
    ],
    ['200 without an end', answer(200, login({ token: 'abc' })), 'malformed_answer', /expires/],
    [
      'an end as text',
      answer(200, login({ token: 'abc', expires: '9' })),
      'malformed_answer',
      /expires/,
    ],
    [
      'an end beyond the year 9999',
      answer(200, login({ token: 'abc', expires: 1e18 })),
      'malformed_answer',
      /expires/,
    ],
    [
      'a token that has ended',
      answer(200, login({ token: 'abc', expires: START - HOUR })),
      'malformed_answer',
      /-3600 s/,
    ],
    [
      'a token of 10 s',
      answer(200, login({ token: 'abc', expires: START + 10_000 })),
      'malformed_answer',
      /10 s/,
    ],
    [
      'a redirect',
      answer(302, '', { location: 'https://else.where/login?secret=1' }),
      'wrong_product',
      /to https:\/\/else\.where,/,
    ],
    [
      'a redirect to a path',
      answer(307, '', { location: '/login' }),
      'wrong_product',
      /redirect \(307\),/,
    ],
  ];
  for (const [name, given, kind, words] of table)
    it(`with ${name} is ${kind}`, () => {
      const failure = failureOf(given);
      assert.equal(failure.class, kind);
      assert.match(failure.message, words);
    });

  it('of a token with 11 s to live is accepted', () => {
    const given = answer(200, login({ token: 'abc', expires: START + 11_000 }));
    assert.equal(readLogin(given).ok, true);
  });

  it('takes Retry-After in seconds and as a date', () => {
    assert.equal(failureOf(answer(429, '', { 'retry-after': '17' })).retryAfterMs, 17_000);
    const date = new Date(START + 60_000).toUTCString();
    assert.equal(failureOf(answer(503, '', { 'retry-after': date })).retryAfterMs, 60_000 - 20);
    assert.equal(failureOf(answer(429, '', { 'retry-after': 'soon' })).retryAfterMs, undefined);
  });

  it('of any status, headers and body never throws and never quotes the body', () => {
    const secret = 'Zq7-very-secret-text';
    const body = fc.string().map((text) => `${text}${secret}${text}`);
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), body, (status, text) => {
        const result = readLogin(answer(status, text));
        assert.ok(!JSON.stringify(result).includes(secret));
      }),
    );
  });
});

describe('a probe', () => {
  const table: [Answer, string][] = [
    [answer(200, 'true'), 'accepted'],
    [answer(200, '{"user":1}'), 'unexpected'],
    [answer(200, '<html>'), 'unexpected'],
    [answer(302, ''), 'unexpected'],
    [answer(401, ''), 'refused'],
    [answer(401, '<html>please log in</html>'), 'unexpected'],
    [answer(403, '{}'), 'no_first_user'],
    [answer(404, '{}'), 'unexpected'],
    [answer(408, ''), 'failing'],
    [answer(429, ''), 'throttled'],
    [answer(500, ''), 'failing'],
    [answer(503, '<html>'), 'failing'],
  ];
  for (const [given, outcome] of table)
    it(`with ${given.status} ${given.body.slice(0, 8)} says ${outcome}`, () => {
      assert.equal(readProbe(given), outcome);
    });
});
