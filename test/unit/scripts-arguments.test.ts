import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CommandError } from '../../scripts/command-error.ts';
import { forStack } from '../../scripts/command-words.ts';
import { parseChanges } from '../../scripts/config/arguments.ts';

const refusal = (options: Parameters<typeof parseChanges>[0]): CommandError => {
  try {
    parseChanges(options);
  } catch (error) {
    assert.ok(error instanceof CommandError);
    return error;
  }
  throw new Error('it was accepted');
};

describe('settings on the command line', () => {
  it('are taken with or without their namespace, and may hold equals signs', () => {
    const { set } = parseChanges({
      set: ['mcpPort=9000', 'lakehouse-mcp:dremioUsername=a=b', 'docker:host=ssh://me@there'],
    });
    assert.deepEqual(set, {
      'lakehouse-mcp:mcpPort': '9000',
      'lakehouse-mcp:dremioUsername': 'a=b',
      'docker:host': 'ssh://me@there',
    });
  });

  it('come from a file when the value begins with @', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lakehouse-test-'));
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    writeFileSync(join(folder, 'ca.pem'), pem);
    const { set } = parseChanges({ set: [`dremioCa=@${join(folder, 'ca.pem')}`] });
    assert.equal(set['lakehouse-mcp:dremioCa'], pem);
    rmSync(folder, { recursive: true });
    assert.match(refusal({ set: ['dremioCa=@/nowhere/ca.pem'] }).message, /cannot be read: ENOENT/);
  });

  it('are refused when unknown, with the name that was probably meant', () => {
    const error = refusal({ set: ['mcpPrt=1'] });
    assert.equal(error.message, 'There is no setting "mcpPrt". Did you mean "mcpPort"?');
    assert.equal(error.exitCode, 2);
    assert.match(
      refusal({ unset: ['xyzzyplugh'] }).message,
      /^There is no setting "xyzzyplugh"\.$/,
    );
  });

  it('are refused when ill-typed, with what is allowed', () => {
    assert.equal(
      refusal({ set: ['mcpPort=high'] }).message,
      'mcpPort cannot be "high"; expected a whole number from 1 to 65535.',
    );
    assert.match(refusal({ set: ['demo'] }).message, /--set needs key=value, got "demo"/);
  });

  it('may be emptied, which means not set', () => {
    assert.equal(parseChanges({ set: ['dremioUrl='] }).set['lakehouse-mcp:dremioUrl'], '');
  });

  it('never take a secret as an argument, and do not repeat it', () => {
    for (const options of [
      { set: ['dremioPassword=hunter2'] },
      { set: ['lakehouse-mcp:mcpKey=hunter2'] },
      { setSecret: ['dremioPassword=hunter2'] },
    ]) {
      const error = refusal(options);
      const said = [error.message, ...error.advice].join('\n');
      assert.match(said, /npm run up -- --set-secret (dremioPassword|lakehouse-mcp:mcpKey)/);
      assert.doesNotMatch(said, /hunter2/);
      assert.equal(error.exitCode, 2);
    }
  });
});

describe('commands in texts', () => {
  it('stay as they are for the stack dev', () => {
    assert.equal(forStack('npm run up -- --set a=b', 'dev'), 'npm run up -- --set a=b');
  });

  it('name any other stack, once', () => {
    const once = forStack(
      'npm run up, npm run -s output -- mcpUrl, npm run up -- --set a=b, npm run rotate -- mcp-key',
      'test',
    );
    assert.equal(
      once,
      'npm run up -- --stack test, npm run -s output -- --stack test mcpUrl, npm run up -- --stack test --set a=b, npm run rotate -- --stack test mcp-key',
    );
    assert.equal(forStack(once, 'test'), once);
  });
});
