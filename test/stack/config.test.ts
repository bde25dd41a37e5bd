import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recordProgram } from '../helpers/pulumi-program.ts';
import { refusal } from '../helpers/refused-config.ts';

describe('the config of a stack', () => {
  it('is refused with every problem at once, each with the command that mends it', async () => {
    const { message } = await recordProgram({
      config: { demo: 'true', dremioUrl: 'ftp://x', mcpPrt: '3', mcpPort: '70000' },
    }).then(
      () => assert.fail('the program accepted the config'),
      (problem: Error) => problem,
    );
    assert.match(message, /has 4 problems/);
    assert.match(message, /"mcpPrt" is not a config key; did you mean "mcpPort"\?.*--unset mcpPrt/);
    assert.match(message, /"dremioUrl" is "ftp:\/\/x"; expected an http or https URL/);
    assert.match(message, /"mcpPort" is "70000"; expected a whole number from 1 to 65535/);
    assert.match(message, /"demo" is true and "dremioUrl" is set.*--set demo=false/);
    assert.doesNotMatch(message, /\n\s+at /, 'no stack trace');
  });

  it('asks for a Dremio when none is named', async () => {
    assert.match(
      await refusal({}),
      /No Dremio is named\. For the demo: npm run up -- --set demo=true/,
    );
    const production = await refusal({ stack: 'prod', config: { platform: 'swarm' } });
    assert.match(production, /No Dremio is named\. Name yours: npm run up -- --set dremioUrl=/);
    assert.doesNotMatch(production, /demo/);
  });

  it('names each missing part of one’s own Dremio', async () => {
    const message = await refusal({ config: { dremioUrl: 'http://dremio.example:9047' } });
    assert.match(message, /"dremioUsername" is not set/);
    assert.match(message, /"dremioPassword" is not set.*--set-secret dremioPassword/);
  });

  it('never shows the value of a secret that it refuses', async () => {
    const message = await refusal({ config: { demo: 'true' }, secrets: { mcpKey: 'short-key' } });
    assert.match(message, /"mcpKey" has a value that is not allowed; expected 32 or more/);
    assert.doesNotMatch(message, /short-key/);
  });

  it('refuses to create the first user of the demo, which has one, and a logout during calls', async () => {
    const message = await refusal({
      config: { demo: 'true', dremioCreateFirstUser: 'true', tokenLogoutAfter: '60' },
    });
    assert.match(message, /"demo" is true and "dremioCreateFirstUser" is set/);
    assert.match(
      message,
      /"tokenLogoutAfter" is "60"; expected 0, or a whole number from 120 to 604800 \(seconds\)/,
    );
  });

  it('names the range of each limit, and what does not go together', async () => {
    const message = await refusal({
      config: {
        demo: 'true',
        childCount: '17',
        maxInFlight: '5000',
        queueWait: '0',
        toolsAllow: 'Get*Table',
        childMaxMemory: '100',
        childSharing: 'session',
        childMaxAge: '3600',
        callTimeout: '600',
        tokenLogoutAfter: '300',
      },
      secrets: { mcpKeys: '{"laptop": "hunter2", "agent": {"keys": []}}' },
    });
    for (const said of [
      /has 8 problems/,
      /"childCount" is "17"; expected a whole number from 1 to 16\./,
      /"maxInFlight" is "5000"; expected a whole number from 1 to 4096\./,
      /"queueWait" is "0"; expected a number from 0\.1 to 3600 \(seconds\)\./,
      /"toolsAllow" is "Get\*Table"; expected the name of a tool, or its beginning with a \* behind/,
      /"childMaxMemory" is "100"; expected 0, or a whole number from 192 to 4096 \(MiB\)\./,
      /"childSharing" is session and "childMaxAge" is 3600; .*--unset childMaxAge/,
      /"mcpKeys" has a key of less than 16 characters \("laptop"\); it has no key \("agent"\); expected a JSON object.*--set-secret mcpKeys/,
      /"tokenLogoutAfter" is 300 and "callTimeout" is 600 .*--set tokenLogoutAfter=600/,
    ])
      assert.match(message, said);
    assert.doesNotMatch(message, /hunter2/);
  });

  it('refuses the stack prod on plain containers', async () => {
    assert.match(
      await refusal({ stack: 'prod', config: { demo: 'true' } }),
      /The stack "prod" is on plain containers.*--set platform=swarm/,
    );
  });

  it('refuses a stack name that containers cannot have', async () => {
    assert.match(await refusal({ stack: 'My_Stack', config: { demo: 'true' } }), /small letters/);
  });
});
