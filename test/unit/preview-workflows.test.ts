import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';

const FOLDER = new URL('../../.github/workflows/', import.meta.url);

interface Job {
  'timeout-minutes'?: number;
  permissions?: Record<string, string>;
  uses?: string;
  steps?: { run?: string; uses?: string; env?: Record<string, string> }[];
}
interface Workflow {
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  jobs: Record<string, Job>;
}

const workflows = readdirSync(FOLDER).map((name) => {
  const text = readFileSync(new URL(name, FOLDER), 'utf8');
  return { name, text, workflow: parse(text) as Workflow };
});
const named = (name: string) => {
  const found = workflows.find((each) => each.name === name);
  assert.ok(found, `there is a workflow ${name}`);
  return found;
};

describe('the workflows', () => {
  it('never run the code of a fork with the rights of the repository', () => {
    for (const { name, workflow } of workflows)
      assert.ok(!('pull_request_target' in workflow.on), name);
  });

  it('preview pull requests without any secret, and write in a job that runs none of their code', () => {
    const { text, workflow } = named('preview.yml');
    assert.doesNotMatch(text, /\bsecrets\b/);
    for (const [name, { permissions, steps = [] }] of Object.entries(workflow.jobs)) {
      if (!Object.values(permissions ?? {}).includes('write')) continue;
      assert.equal(name, 'comment');
      assert.ok(
        steps.every(({ uses }) => uses === undefined),
        'it checks nothing out',
      );
    }
  });

  it('put no text of a pull request into a script, where it could become one', () => {
    for (const { name, workflow } of workflows)
      for (const { steps = [] } of Object.values(workflow.jobs))
        for (const { run = '' } of steps) assert.doesNotMatch(run, /\$\{\{/, name);
  });

  it('end by themselves when something hangs, and begin with no rights', () => {
    for (const { name, workflow } of workflows) {
      assert.notEqual(workflow.permissions, undefined, name);
      for (const [job, { uses, 'timeout-minutes': minutes }] of Object.entries(workflow.jobs))
        if (uses === undefined) assert.ok(Number(minutes) > 0, `${name}: ${job}`);
    }
  });

  it('deploy production only from main, and only after its preview', () => {
    const { text, workflow } = named('deploy.yml');
    assert.match(text, /inputs\.stack != 'prod' \|\| github\.ref == 'refs\/heads\/main'/);
    assert.equal((workflow.jobs.up as { needs?: string }).needs, 'preview');
  });
});
