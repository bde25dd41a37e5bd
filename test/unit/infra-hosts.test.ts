import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hostWord, originWord } from '../../images/proxy/src/front/hosts.ts';
import { keys } from '../../infra/config/keys.ts';

const likeNames = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '.', ':'), maxLength: 9 });

describe('a host of the config', () => {
  it('is one that the proxy takes, which else would not start with it', () => {
    fc.assert(
      fc.property(likeNames, fc.constantFrom('http', 'https'), (name, scheme) => {
        const origin = `${scheme}://${name}`;
        for (const host of keys.allowedHosts.parse(name) ?? [])
          assert.ok(hostWord.test(host), host);
        for (const one of keys.allowedOrigins.parse(origin) ?? [])
          assert.ok(originWord.test(one), one);
        const url = keys.publicUrl.parse(`https://${name}`);
        if (url !== undefined) assert.ok(hostWord.test(new URL(url).hostname), url);
      }),
    );
  });

  it('is a name, not something with a dot or a digit too many', () => {
    assert.deepEqual(keys.allowedHosts.parse('mcp.lakes.test'), ['mcp.lakes.test']);
    assert.equal(keys.allowedHosts.parse('mcp..lakes.test'), undefined);
    assert.equal(keys.allowedOrigins.parse('https://lakes.test:123456'), undefined);
    assert.equal(keys.publicUrl.parse('https://mcp..lakes.test'), undefined);
    assert.equal(keys.publicUrl.parse('https://lakes.test:70000'), undefined);
  });
});
