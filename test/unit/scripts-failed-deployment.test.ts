import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failedDeployment } from '../../scripts/engine/failed-deployment.ts';

describe('a deployment that failed', () => {
  it('because the disk is full says how to make room', () => {
    const cause = new Error('the engine said so');
    const error = failedDeployment('image proxy: write /x: no space left on device', cause);
    assert.match(error.message, /image proxy/);
    assert.match(error.advice.join('\n'), /docker system prune/);
    assert.equal(error.cause, cause);
  });

  it('for a reason that is not known keeps to the engine’s own words', () => {
    assert.deepEqual(failedDeployment('image proxy: exit code 1', undefined).advice, []);
  });
});
