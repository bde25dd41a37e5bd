import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { EngineEvent as PulumiEvent } from '@pulumi/pulumi/automation/index.js';
import { CommandError } from '../../scripts/command-error.ts';
import { previewLines } from '../../scripts/commands/preview.ts';
import { followPlan } from '../../scripts/engine/pulumi-plan.ts';
import { sshFailure, sshWords } from '../../scripts/engine/ssh-engine.ts';
import { combined } from '../../scripts/preflight/ground.ts';
import { registryProblem } from '../../scripts/preflight/registry.ts';
import { styleFor } from '../../scripts/terminal/style.ts';

describe('problems before a deployment', () => {
  it('are told all at once, each with its command; a single one as it is', () => {
    const one = new CommandError('No Swarm.', { advice: ['docker swarm init'] });
    const other = new CommandError('No domain.', { advice: ['npm run up -- --set domain=…'] });
    assert.equal(combined([one]), one);
    const all = combined([one, other]);
    assert.equal(all.message, '2 problems stand in the way.');
    assert.deepEqual(all.advice, [
      '- No Swarm.',
      '    docker swarm init',
      '- No domain.',
      '    npm run up -- --set domain=…',
    ]);
  });
});

describe('a registry that fails', () => {
  const said = (words: string, status?: number) => {
    const problem = registryProblem({ host: 'r.test', username: 'u', words, status });
    return [problem.message, ...problem.advice].join('\n');
  };
  it('is told by what its words mean, with what helps', () => {
    assert.match(
      said('incorrect username or password', 401),
      /refuses the login as "u"[\s\S]*--set-secret registryPassword/,
    );
    assert.match(
      said('Get "https://r.test/v2/": x509: certificate signed by unknown authority'),
      /not trusted by the Docker engine: x509[\s\S]*certs\.d\/r\.test\/ca\.crt/,
    );
    assert.match(
      said('Get "https://r.test/v2/": http: server gave HTTP response to HTTPS client'),
      /speaks plain HTTP/,
    );
    assert.match(
      said('dial tcp: lookup r.test: no such host'),
      /does not reach the registry r\.test/,
    );
  });
});

describe('an engine over ssh', () => {
  it('is asked without questions, as the user and at the port that its URL names', () => {
    assert.deepEqual(sshWords('ssh://me@far:2222', ['docker', 'version']), [
      ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=8'],
      ...['-l', 'me', '-p', '2222', '--', 'far', 'docker', 'version'],
    ]);
    assert.deepEqual(sshWords('ssh://far', ['x']).slice(-3), ['--', 'far', 'x']);
  });

  const said = (code: number | null, stderr: string) => {
    const { why, advice } = sshFailure('ssh://me@far', code, stderr);
    return [why, ...advice].join('\n');
  };
  it('that fails is told by whose failure it is: the login’s, the command’s, the engine’s', () => {
    assert.match(
      said(255, 'me@far: Permission denied (publickey).\n'),
      /Permission denied[\s\S]*BatchMode=yes me@far true/,
    );
    assert.match(said(127, 'bash: line 1: docker: command not found\n'), /no docker command there/);
    assert.match(
      said(1, 'permission denied while trying to connect to the Docker daemon socket'),
      /usermod -aG docker/,
    );
    assert.match(
      said(1, 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.'),
      /does not run[\s\S]*systemctl start docker/,
    );
    assert.match(said(null, ''), /nothing answered in time/);
  });
});

const URN = (name: string, type = 'docker:index/service:Service') =>
  `urn:pulumi:prod::p::lakehouse:index:Lakehouse$${type}::${name}`;
const step = (op: string, name: string, more: object = {}) =>
  ({
    resourcePreEvent: { metadata: { op, urn: URN(name), type: '', ...more } },
  }) as unknown as PulumiEvent;
const policy = (enforcementLevel: string, message: string) =>
  ({
    policyEvent: { resourceUrn: URN('edge'), message, policyName: 'rule-one', enforcementLevel },
  }) as unknown as PulumiEvent;

describe('a preview', () => {
  it('by the CLI tells each change by the names of its inputs, and what the rules say', () => {
    const plan = followPlan();
    const warnings: string[] = [];
    for (const event of [
      step('same', 'a'),
      step('create', 'b'),
      step('update', 'c', { diffs: ['taskSpec', 'labels', 'labels'] }),
      step('replace', 'd', { keys: ['name'], diffs: ['x'] }),
      step('create-replacement', 'd', { keys: ['name'], diffs: ['x'] }),
      policy('mandatory', '<{%reset%}>its root is writable<{%reset%}>'),
      policy('warning', 'an image has no digest'),
    ])
      plan.onEvent(event, (text) => warnings.push(text));
    const nothing = { create: 0, same: 0, update: 0, replace: 0, delete: 0, durationMs: 0 };
    const { changes, violations } = plan.result(nothing);
    assert.deepEqual(
      changes.map(({ operation, reason }) => [operation, reason]),
      [
        ['create', 'it is not there yet'],
        ['update', 'inputs changed: taskSpec, labels'],
        ['replace', 'inputs changed: name'],
      ],
    );
    assert.deepEqual(violations, ['"edge": its root is writable [rule-one]']);
    assert.deepEqual(warnings, ['"edge": an image has no digest [rule-one]']);
  });

  it('is a line for each change, then the broken rules, or the command that deploys it', () => {
    const changes = [
      { urn: URN('proxy'), operation: 'update', reason: 'inputs changed: image' },
      { urn: URN('x', 'lakehouse:index:Thing'), operation: 'create', reason: '' },
    ] as const;
    const summary = { create: 1, same: 0, update: 1, replace: 0, delete: 0, durationMs: 1 };
    const lines = (violations: string[]) =>
      previewLines('prod', { changes, summary, violations }, styleFor(process.stderr)).map(
        stripVTControlCharacters,
      );
    assert.deepEqual(lines([]), [
      '',
      `  ~ update  ${'service proxy'.padEnd(32)} inputs changed: image`,
      '',
      '  Deploy it: npm run up -- --stack prod',
      '',
    ]);
    assert.ok(lines(['"edge": no [rule]']).includes('  - "edge": no [rule]'));
  });
});
