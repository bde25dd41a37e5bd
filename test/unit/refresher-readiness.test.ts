import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  authenticated,
  readyReasons,
  statusOf,
} from '../../images/refresher/src/core/readiness.ts';
import { DAY, fails, HOUR, MINUTE, POLICY, SECOND, World } from '../helpers/refresher-world.ts';

const codes = (world: World) =>
  readyReasons(world.state, world.now, POLICY).map(({ code }) => code);

describe('readiness', () => {
  it('is given while the file holds a living token', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(DAY);
    assert.deepEqual(codes(world), []);
    assert.equal(authenticated(world.state, world.now), true);
  });

  it('names the cause before the lack of a token', () => {
    const world = new World({ lifeMs: HOUR, login: () => fails('credentials_refused') });
    world.run(MINUTE);
    assert.deepEqual(codes(world), ['credentials_refused', 'no_token']);
    assert.equal(authenticated(world.state, world.now), false);
  });

  it('stays through an outage and ends when less than a quarter of the margin, at most 15 min, is left', () => {
    let down = false;
    const world = new World({
      lifeMs: 30 * HOUR,
      login: () => (down ? fails('dremio_unreachable') : undefined),
      probe: () => (down ? 'unreachable' : undefined),
    });
    world.run(MINUTE);
    down = true;
    const end = world.file?.expiresAt ?? 0;
    world.runUntil(end - 15 * MINUTE - SECOND);
    assert.deepEqual(codes(world), []);
    world.runUntil(end - 15 * MINUTE + SECOND);
    assert.deepEqual(codes(world), ['dremio_unreachable', 'token_expiring']);
    world.runUntil(end + SECOND);
    assert.deepEqual(codes(world), ['dremio_unreachable', 'token_expired']);
  });

  it('is not given while a token found in the file is unchecked, nor once Dremio refused it', () => {
    let refuse = false;
    const world = new World({
      lifeMs: 30 * HOUR,
      login: () => fails('dremio_unreachable'),
      probe: () => (refuse ? 'refused' : 'accepted'),
    });
    world.file = { token: 'found', expiresAt: world.now + 20 * HOUR, modifiedAt: world.now - HOUR };
    world.run(SECOND);
    assert.deepEqual(codes(world), []);
    world.state = { ...world.state, unchecked: true };
    assert.deepEqual(codes(world), ['token_unchecked']);
    refuse = true;
    world.run(5 * MINUTE);
    assert.deepEqual(codes(world), ['dremio_unreachable', 'token_refused']);
  });

  it('is not given for a new token that is not in the file while the one there is refused', () => {
    const world = new World({
      lifeMs: 30 * HOUR,
      probe: (_, token) => (token === 'found' ? 'refused' : 'accepted'),
      disk: () => false,
    });
    world.file = { token: 'found', expiresAt: world.now + 20 * HOUR, modifiedAt: world.now };
    world.run(HOUR);
    assert.equal(world.logins.length, 1);
    assert.deepEqual(codes(world), ['token_file_not_writable', 'token_refused']);
  });

  it('tells a file that cannot be written from a login that fails', () => {
    const world = new World({ lifeMs: HOUR, disk: () => false });
    world.run(MINUTE);
    assert.deepEqual(codes(world), ['token_file_not_writable', 'no_token']);
    assert.equal(world.logins.length, 1);
  });

  it('is told in a status without any token', () => {
    const world = new World({ lifeMs: 30 * HOUR });
    world.run(HOUR);
    const status = statusOf(world.state, world.now, POLICY);
    assert.equal(status.ready, true);
    assert.equal(status.token_seconds_left, 29 * 3600);
    assert.ok(!JSON.stringify(status).includes('token-1'));
    assert.equal(status.login_wanted, null);
  });

  it('says in its status that a login is wanted, as long as it fails', () => {
    let refuse = false;
    const world = new World({
      lifeMs: 30 * HOUR,
      login: () => (refuse ? fails('credentials_refused') : undefined),
    });
    world.run(HOUR);
    refuse = true;
    world.credentials = 'rotated';
    world.run(HOUR);
    const status = () => statusOf(world.state, world.now, POLICY);
    assert.deepEqual([status().ready, status().login_wanted], [true, 'credentials_changed']);
    refuse = false;
    world.run(HOUR);
    assert.deepEqual([status().login_wanted, status().login_failure], [null, null]);
  });
});
