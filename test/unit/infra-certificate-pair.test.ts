import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { certificatePairProblems } from '../../infra/config/certificate-pair.ts';
import { keys } from '../../infra/config/keys.ts';

const DAY_MS = 86_400_000;
const NAME = 'mcp.lakes.test';

async function pair(domain: string, days = 30) {
  const now = Date.now();
  const made = await generate([{ name: 'commonName', value: domain }], {
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + days * DAY_MS),
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: domain }] }],
  });
  return { certificate: made.cert, key: made.private };
}

describe('a certificate and its key', () => {
  let own: { certificate: string; key: string };
  let other: { certificate: string; key: string };
  before(async () => {
    [own, other] = await Promise.all([pair(NAME), pair('*.lakes.test')]);
  });
  const problems = (more: object = {}) =>
    certificatePairProblems({ ...own, domain: NAME, now: Date.now(), ...more });

  it('are fine when they belong together, to the domain and to today', () => {
    assert.deepEqual(problems(), []);
    assert.deepEqual(problems(other), [], 'a wildcard covers it');
  });

  it('are fine with the parameters of the key before it, as openssl writes them', () => {
    const parameters =
      '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const key = keys.tlsKey.parse(`${parameters}${own.key}`);
    assert.equal(key?.trim(), own.key.trim());
    assert.equal(keys.tlsKey.parse(parameters), undefined, 'alone they are no key');
  });

  it('are refused when the key is of another certificate', () => {
    const [problem, ...more] = problems({ key: other.key });
    assert.match(problem ?? '', /"tlsKey" is not the key of "tlsCertificate".*--set-secret tlsKey/);
    assert.deepEqual(more, []);
  });

  it('are refused after the end of the certificate, and before its begin', () => {
    assert.match(
      problems({ now: Date.now() + 41 * DAY_MS })[0] ?? '',
      /expired on .*, 11 days ago/,
    );
    assert.match(problems({ now: Date.now() - 9 * DAY_MS })[0] ?? '', /is valid from .* on only/);
  });

  it('are refused for a domain that the certificate is not for', () => {
    assert.match(
      problems({ domain: 'other.test' })[0] ?? '',
      /is for DNS:mcp.lakes.test, and "domain" is other.test/,
    );
  });

  it('are refused when they cannot be read, without a word of the key', () => {
    const key = own.key.replace(/[A-Za-z0-9]{10}/, '!secret-words');
    const found = problems({ certificate: 'no certificate', key });
    assert.match(found[0] ?? '', /"tlsCertificate" cannot be read/);
    assert.match(found[1] ?? '', /"tlsKey" cannot be read/);
    assert.doesNotMatch(found.join(), /secret-words/);
  });
});
