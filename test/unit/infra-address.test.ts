import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromContainers } from '../../infra/address.ts';
import { nearest } from '../../infra/config/nearest.ts';

describe('a Dremio URL as containers call it', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    it(`means the machine when its host is ${host}`, () => {
      assert.deepEqual(fromContainers(new URL(`http://${host}:9047/`)), {
        url: 'http://host.docker.internal:9047',
        onHost: true,
      });
    });
  it('stays as it is for every other host', () => {
    assert.deepEqual(fromContainers(new URL('https://dremio.example')), {
      url: 'https://dremio.example',
      onHost: false,
    });
  });
});

describe('the nearest known name', () => {
  const known = ['mcpPort', 'demo', 'dremioUrl'];
  it('is found for a slip of the finger and for other letter case', () => {
    assert.equal(nearest('mcpprot', known), 'mcpPort');
    assert.equal(nearest('dremiourl', known), 'dremioUrl');
  });
  it('is not guessed for something else altogether', () => {
    assert.equal(nearest('certificate', known), undefined);
  });
});
