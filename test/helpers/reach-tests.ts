import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { measureReach, type Reach } from './reach.ts';
import { drawn, isOfStack, namesOf, OUTSIDE, portsOf, reachOf, type Table } from './reach-table.ts';

/** Promise S3 for a running stack: who reaches whom is what the table declares. */
export function reachIsAsDeclared(table: Table, stackName: () => string): void {
  let reach: Reach;
  before(async () => {
    reach = await measureReach(stackName());
  });

  it('S3 has no more containers than are declared, and none listens on another port', () => {
    const declared = Object.entries(table)
      .filter(([name]) => isOfStack(name))
      .flatMap(([name, { replicas = 1 }]) => Array.from({ length: replicas }, () => name));
    assert.deepEqual(reach.members, declared.sort());
    assert.deepEqual(reach.ports, portsOf(table));
  });

  it('S3 lets each reach those it shares a network with, by no address anyone else', (test) => {
    for (const line of drawn(reach.reached)) test.diagnostic(line);
    const { [OUTSIDE]: _outside, ...others } = table;
    if (!reach.outside)
      test.diagnostic('nothing beyond this machine answers it: no way out was tried');
    assert.deepEqual(reach.reached, reachOf(reach.outside ? table : others));
  });

  it('S3 tells the names of those that are reached, and no others', () => {
    assert.deepEqual(reach.named, namesOf(table));
  });
}
