import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EngineEvent as PulumiEvent } from '@pulumi/pulumi/automation/index.js';
import type { EngineEvent } from '../../local/types.ts';
import { dockerAddress, isRemote } from '../../scripts/engine/docker-address.ts';
import { dockerOptions } from '../../scripts/engine/docker-client.ts';
import { absenceError } from '../../scripts/engine/docker-engine.ts';
import { parseRelease } from '../../scripts/engine/host-system.ts';
import { firstError, pulumiEnvironment } from '../../scripts/engine/pulumi-deployment.ts';
import { followPulumi, plainText, summaryOf } from '../../scripts/engine/pulumi-events.ts';
import { SshAgent } from '../../scripts/engine/ssh-engine.ts';
import { stackFiles } from '../../scripts/stack/stack-files.ts';

const from = (url: string) => ({ url, from: 'DOCKER_HOST' as const });

describe('the Docker engine', () => {
  it('is the stack’s own, then DOCKER_HOST’s, then the one of this machine', () => {
    const environment = { DOCKER_HOST: 'tcp://there:2375' };
    assert.equal(dockerAddress('ssh://me@far', environment).url, 'ssh://me@far');
    assert.equal(dockerAddress(undefined, environment).url, 'tcp://there:2375');
    assert.equal(dockerAddress('', { DOCKER_HOST: '' }).url, 'unix:///var/run/docker.sock');
  });

  it('is remote when its loopback ports are not ours', () => {
    for (const url of ['unix:///run/x.sock', 'tcp://localhost:2375', 'tcp://127.0.0.1:2375'])
      assert.equal(isRemote(from(url)), false, url);
    for (const url of ['tcp://10.0.0.5:2375', 'ssh://me@far'])
      assert.equal(isRemote(from(url)), true, url);
  });

  it('is called at its address and no other', () => {
    assert.deepEqual(dockerOptions(from('tcp://10.0.0.5:2375'), {}), {
      protocol: 'http',
      host: '10.0.0.5',
      port: 2375,
    });
    assert.ok(dockerOptions(from('ssh://me@far:2222'), {}).agent instanceof SshAgent);
    const socket = dockerOptions(from('unix:///run/x.sock'), {});
    assert.equal(socket.socketPath, '/run/x.sock');
    assert.ok('host' in socket && socket.host === undefined, 'DOCKER_HOST must not fill it in');
    assert.throws(() => dockerOptions(from('npipe:////./pipe/x'), {}), /which is no address/);
  });

  it('when it is missing, comes with the commands for this user and system', () => {
    const absent = {
      kind: 'absent',
      address: dockerAddress(undefined, {}),
      error: new Error('x'),
    } as const;
    const forbidden = { ...absent, kind: 'forbidden' } as const;
    const advice = absenceError(forbidden, { debianLike: true, id: 'debian', root: false }).advice;
    assert.match(advice.join('\n'), /sudo usermod -aG docker/);
    const error = absenceError(absent, { debianLike: false, id: 'fedora', root: true });
    assert.equal(error.exitCode, 3);
    assert.match(error.message, /No Docker engine answers at unix:\/\/\/var\/run\/docker\.sock/);
  });
});

describe('os-release', () => {
  it('is read with and without quotes', () => {
    assert.deepEqual(
      parseRelease('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n# x\nID_LIKE=\'a b\'\n'),
      {
        ID: 'debian',
        PRETTY_NAME: 'Debian GNU/Linux 12',
        ID_LIKE: 'a b',
      },
    );
  });
});

const URN = 'urn:pulumi:dev::p::docker:index/container:Container::proxy';
const metadata = (op: string) => ({ op, urn: URN, type: 'docker:index/container:Container' });
const pre = (op: string) =>
  ({ resourcePreEvent: { metadata: metadata(op) } }) as unknown as PulumiEvent;
const post = (op: string) =>
  ({ resOutputsEvent: { metadata: metadata(op) } }) as unknown as PulumiEvent;
const failed = (op: string) =>
  ({ resOpFailedEvent: { metadata: metadata(op) } }) as unknown as PulumiEvent;
const said = (severity: string, message: string, urn?: string) =>
  ({ diagnosticEvent: { severity, message, urn, color: 'never' } }) as unknown as PulumiEvent;

function follow(events: readonly PulumiEvent[]) {
  const seen: EngineEvent[] = [];
  const run = followPulumi(
    (event) => seen.push(event),
    () => 0,
  );
  for (const event of events) run.onEvent(event);
  return { seen, problems: run.problems() };
}

describe('a run of the Pulumi CLI', () => {
  it('shows a replacement as one thing that happens to one resource', () => {
    const { seen } = follow([
      pre('delete-replaced'),
      post('delete-replaced'),
      pre('replace'),
      post('replace'),
      pre('create-replacement'),
      post('create-replacement'),
    ]);
    assert.deepEqual(
      seen.map((event) => [event.kind, 'operation' in event ? event.operation : undefined]),
      [
        ['start', 'replace'],
        ['done', 'replace'],
      ],
    );
  });

  it('shows where a build is by the newest line of its output', () => {
    const { seen } = follow([
      pre('create'),
      said(
        'info',
        '<{%reset%}>digest: sha256:1\n[app 2/9] RUN npm ci\ndigest: sha256:2\n[app 3/9] COPY<{%reset%}>\n',
        URN,
      ),
    ]);
    assert.deepEqual(seen.at(-1), { kind: 'progress', urn: URN, message: '[app 3/9] COPY' });
  });

  it('tells a failure once, with the cause alone', () => {
    const cause = 'Unable to start container: port is already allocated';
    const { seen, problems } = follow([
      pre('create'),
      said(
        'error',
        `  sdk-v2/provider2.go:571: sdk.helper_schema: ${cause}: provider=docker@5.2.0\n`,
        URN,
      ),
      said(
        'error',
        `1 error occurred:\n\t* creating ${URN}: 1 error occurred:\n\t* ${cause}\n\n`,
        URN,
      ),
      failed('create'),
      said('error', 'update failed'),
    ]);
    assert.deepEqual(problems, [`proxy: ${cause}`]);
    assert.deepEqual(seen.at(-1), { kind: 'failed', urn: URN, message: cause, durationMs: 0 });
  });

  it('tells the rules that a policy pack found broken', () => {
    const event = (enforcementLevel: string, message: string) =>
      ({
        policyEvent: { resourceUrn: URN, policyName: 'rule-one', enforcementLevel, message },
      }) as unknown as PulumiEvent;
    const { problems } = follow([
      event('mandatory', '"proxy": its root is writable'),
      event('warning', 'only advice'),
      said('error', 'update failed'),
    ]);
    assert.deepEqual(problems, ['"proxy": its root is writable [rule-one]']);
  });

  it('tells the program’s own errors when no resource failed', () => {
    const { problems } = follow([
      said('error', '<{%fg 1%}>The config has a problem:\n  - x<{%reset%}>'),
    ]);
    assert.deepEqual(problems, ['The config has a problem:\n  - x']);
    assert.equal(plainText('<{%reset%}>a<{%reset%}>'), 'a');
  });

  it('is summed up in the runner’s words', () => {
    assert.deepEqual(summaryOf({ create: 2, same: 1, replace: 3, refresh: 9 }, 12.4), {
      create: 2,
      same: 1,
      update: 0,
      replace: 3,
      delete: 0,
      durationMs: 12,
    });
  });

  it('that ends without events is explained by what it printed', () => {
    assert.equal(
      firstError('code: 255\n stdout: \n stderr: error: no such plugin\nerror: no such plugin\n'),
      'no such plugin',
    );
    assert.equal(
      firstError('code: -2\n stdout: \n stderr: Command was killed with SIGKILL\n err?: x'),
      'Pulumi ended: Command was killed with SIGKILL',
    );
  });

  it('keeps state and passphrase in the stack’s folder unless the environment names others', () => {
    const files = stackFiles('/p', 'dev');
    const own = pulumiEnvironment(files, {});
    assert.equal(own.PULUMI_BACKEND_URL, 'file:///p/.lakehouse/dev/backend');
    assert.equal(own.PULUMI_CONFIG_PASSPHRASE_FILE, '/p/.lakehouse/dev/passphrase');
    const named = pulumiEnvironment(files, {
      PULUMI_ACCESS_TOKEN: 't',
      PULUMI_CONFIG_PASSPHRASE: '',
    });
    assert.equal(named.PULUMI_BACKEND_URL, undefined);
    assert.equal(named.PULUMI_CONFIG_PASSPHRASE_FILE, undefined);
  });
});
