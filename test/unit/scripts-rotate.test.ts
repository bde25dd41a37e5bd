import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { CommandError } from '../../scripts/command-error.ts';
import { Tally } from '../../scripts/mcp/probe.ts';
import { loginOutcome } from '../../scripts/rotate/login.ts';
import { planRotation, ROTATIONS, type Rotation } from '../../scripts/rotate/plan.ts';
import { reportLines } from '../../scripts/rotate/report.ts';
import type { TokenStatus } from '../../scripts/stack/stack-status.ts';
import { styleFor } from '../../scripts/terminal/style.ts';

const settings = (values: Record<string, string>, secrets: readonly string[] = []) => ({
  get: (key: string) => values[key],
  has: (key: string) => key in values || secrets.includes(key),
});
const plan = (what: Rotation, values: Record<string, string> = {}, finish = false) =>
  planRotation(what, settings(values), { finish });
const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof CommandError);
    assert.equal(error.exitCode, 2);
    return [error.message, ...error.advice].join('\n');
  }
  throw new Error('it was accepted');
};

describe('the rotation of the key', () => {
  it('makes the next one, and keeps the present one valid', () => {
    assert.deepEqual(plan('mcp-key').steps, [{ mcpKeyGeneration: '1', mcpKeyOverlap: 'true' }]);
    const later = plan('mcp-key', { mcpKeyGeneration: '4', mcpKeyOverlap: 'false' });
    assert.equal(later.steps[0]?.mcpKeyGeneration, '5');
    assert.match(later.after.join('\n'), /--finish/);
  });

  it('ends the old one with --finish, and only when there is one', () => {
    const open = { mcpKeyGeneration: '1', mcpKeyOverlap: 'true' };
    assert.deepEqual(plan('mcp-key', open, true).steps, [{ mcpKeyOverlap: 'false' }]);
    assert.match(
      refusal(() => plan('mcp-key', {}, true)),
      /No rotation of the key is open[\s\S]*Begin one: npm run rotate -- mcp-key/,
    );
  });

  it('is not begun twice: the second would end a key that clients may still have', () => {
    const said = refusal(() => plan('mcp-key', { mcpKeyGeneration: '1', mcpKeyOverlap: 'true' }));
    assert.match(said, /A rotation of the key is open[\s\S]*mcp-key --finish[\s\S]*npm run up/);
  });

  it('leaves keys that the user gave to the user, with the way to do it', () => {
    for (const own of ['mcpKey', 'mcpKeys']) {
      const said = refusal(() => planRotation('mcp-key', settings({}, [own]), { finish: false }));
      assert.match(
        said,
        new RegExp(`your own \\(${own}\\)[\\s\\S]*--set-secret mcpKeys < keys\\.json`),
      );
      assert.equal(/--unset mcpKey /.test(said), own === 'mcpKey');
    }
  });
});

describe('other rotations', () => {
  it('make the next session secret known to every proxy before one signs with it', () => {
    assert.deepEqual(plan('session-secret', { sessionSecretGeneration: '1' }).steps, [
      { sessionSecretNext: 'true' },
      { sessionSecretGeneration: '2', sessionSecretNext: 'false' },
    ]);
  });

  it('ask for the password of one’s own Dremio', () => {
    const password = plan('dremio-password', { dremioUsername: 'ann' });
    assert.deepEqual([password.steps, password.secret], [[{}], 'dremioPassword']);
    assert.match(password.before.join('\n'), /logs in as "ann"/);
    assert.match(
      refusal(() => plan('dremio-password', { demo: 'true' })),
      /demo Dremio has no password/,
    );
  });

  it('have nothing to finish', () => {
    for (const what of ROTATIONS.filter((one) => one !== 'mcp-key'))
      assert.match(
        refusal(() => plan(what, {}, true)),
        /--finish is for mcp-key/,
      );
  });

  it('say on Swarm that proxies take turns, and on plain containers that one is started anew', () => {
    const before = (platform: string) => plan('session-secret', { platform }).before.join('\n');
    assert.match(before('swarm'), /one after the other/);
    assert.match(before('containers'), /calls fail for some seconds/);
  });
});

describe('the login with a new password', () => {
  const status = (changes: Partial<TokenStatus>): TokenStatus => ({
    expiresAt: '2026-01-02T00:00:00Z',
    secondsLeft: 3_600,
    refreshAt: '2026-01-01T18:00:00Z',
    lastLoginAt: null,
    loginWanted: null,
    loginFailure: null,
    writeFailure: null,
    ...changes,
  });
  const failure = { message: 'why', times: 1, since: null, nextTryAt: null };

  it('is told only when the refresher says that it happened', () => {
    const wanted = { loginWanted: 'credentials_changed' };
    assert.equal(loginOutcome(null).is, 'waiting');
    assert.equal(loginOutcome(status(wanted)).is, 'waiting');
    const refused = { ...failure, class: 'credentials_refused' };
    assert.deepEqual(loginOutcome(status({ ...wanted, loginFailure: refused })), {
      is: 'refused',
      why: 'why',
    });
    const away = { ...failure, class: 'dremio_unreachable' };
    assert.equal(loginOutcome(status({ ...wanted, loginFailure: away })).is, 'waiting');
    assert.equal(loginOutcome(status({ lastLoginAt: '2026-01-01T00:00:00Z' })).is, 'done');
  });

  it('is announced where the token in use is taken as it is', () => {
    assert.deepEqual(loginOutcome(status({})), { is: 'later', at: '2026-01-01T18:00:00Z' });
  });
});

describe('what clients noticed', () => {
  it('is counted, with the longest time without a success between two', () => {
    const tally = new Tally();
    tally.succeeded(100);
    tally.failed(200, 'first');
    tally.failed(300, 'second');
    tally.succeeded(900);
    tally.failed(1_000, 'third');
    tally.succeeded(1_100);
    assert.deepEqual(tally.sum, {
      calls: 6,
      failed: 3,
      firstSuccess: 100,
      lastSuccess: 1_100,
      longestGap: 700,
      lastFailure: 'third',
    });
  });

  it('is a table by key, with what failed in words', () => {
    const noticed = new Tally();
    noticed.succeeded(0);
    const broken = new Tally();
    broken.failed(10, 'line\nbreak');
    const lines = reportLines(
      [
        { key: 'old', began: 0, noticed: noticed.sum },
        { key: 'new', began: 4_000, noticed: broken.sum },
      ],
      styleFor(process.stderr),
    ).map(stripVTControlCharacters);
    assert.deepEqual(lines, [
      'Key  Calls  Failed  Worked',
      '───  ─────  ──────  ───────────────────',
      'old      1       0  from 0.0 s to 0.0 s',
      'new      1       1  never',
      '1 calls with the new key failed: line⏎break',
    ]);
  });
});
