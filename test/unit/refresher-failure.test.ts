import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  FAILURE_CLASSES,
  type FailureClass,
  retryPause,
} from '../../images/refresher/src/core/failure.ts';
import { readFault } from '../../images/refresher/src/core/fault.ts';
import { HOUR, MINUTE, SECOND } from '../helpers/refresher-world.ts';

const pauses = (kind: FailureClass, random: number, attempts = 12) =>
  Array.from({ length: attempts }, (_, attempt) =>
    retryPause({ class: kind, message: '' }, attempt, random),
  );

describe('the pause after a failed login', () => {
  for (const kind of ['dremio_unreachable', 'dremio_failing', 'tls_not_trusted'] as const)
    it(`after ${kind} doubles from 1 s to 5 min, each 75 to 100 % of that`, () => {
      const full = pauses(kind, 0);
      assert.deepEqual(full.slice(0, 4), [1000, 2000, 4000, 8000]);
      assert.deepEqual(full.slice(-3), [5 * MINUTE, 5 * MINUTE, 5 * MINUTE]);
      for (const [index, pause] of pauses(kind, 0.999).entries())
        assert.ok(pause >= 0.75 * (full[index] ?? 0) && pause <= (full[index] ?? 0));
    });

  it('after refused credentials allows three tries in 15 min and one an hour from then on', () => {
    const expected = [5 * MINUTE, 10 * MINUTE, HOUR, HOUR, HOUR];
    for (const random of [0, 0.5, 0.999])
      assert.deepEqual(pauses('credentials_refused', random, 5), expected);
  });

  it('while there is no first user stays between 10 and 30 s', () => {
    assert.deepEqual(pauses('no_first_user', 0, 3), [10 * SECOND, 10 * SECOND, 10 * SECOND]);
    for (const pause of pauses('no_first_user', 0.999)) assert.ok(pause <= 30 * SECOND);
  });

  it('follows Retry-After up to 5 min, and never undercuts the back-off', () => {
    const throttled = (retryAfterMs: number, attempt: number) =>
      retryPause({ class: 'dremio_throttling', message: '', retryAfterMs }, attempt, 0);
    assert.equal(throttled(17 * SECOND, 0), 17 * SECOND);
    assert.equal(throttled(HOUR, 0), 5 * MINUTE);
    assert.equal(throttled(0, 3), 8 * SECOND);
  });

  it('is never 0 and never above 1 h, for every class and number of tries', () => {
    for (const kind of FAILURE_CLASSES)
      for (const pause of pauses(kind, 0.999, 200))
        assert.ok(pause >= 750 && pause <= HOUR, `${kind}: ${pause}`);
  });
});

describe('an error on the way to Dremio', () => {
  const coded = (code: string, cause?: unknown) =>
    Object.assign(new Error(`text of ${code}`, { cause }), { code });
  const table: [string, unknown, FailureClass][] = [
    ['connection refused', coded('ECONNREFUSED'), 'dremio_unreachable'],
    ['no such host', coded('ENOTFOUND'), 'dremio_unreachable'],
    [
      'several addresses refused',
      new AggregateError([coded('ECONNREFUSED')]),
      'dremio_unreachable',
    ],
    ['a connect time-out', coded('UND_ERR_CONNECT_TIMEOUT'), 'dremio_unreachable'],
    ['our own time limit', new DOMException('late', 'TimeoutError'), 'dremio_unreachable'],
    ['an unknown CA', coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'tls_not_trusted'],
    ['a self-signed certificate', coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls_not_trusted'],
    ['a certificate for another host', coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls_not_trusted'],
    [
      'a certificate error as a cause',
      coded('UND_ERR_SOCKET', coded('CERT_HAS_EXPIRED')),
      'tls_not_trusted',
    ],
    ['no TLS at all', coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'wrong_product'],
    ['no HTTP at all', coded('HPE_INVALID_CONSTANT'), 'wrong_product'],
    ['an endless answer', coded('UND_ERR_RES_EXCEEDED_MAX_SIZE'), 'wrong_product'],
    ['something thrown that is no error', 'oops', 'dremio_unreachable'],
  ];
  for (const [name, error, kind] of table)
    it(`such as ${name} is ${kind} and names the address`, () => {
      const failure = readFault(error, 'https://dremio.test:9047');
      assert.equal(failure.class, kind);
      assert.match(failure.message, /https:\/\/dremio\.test:9047/);
    });
});
