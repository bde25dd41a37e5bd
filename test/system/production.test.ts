import { after, before, describe } from 'node:test';
import { fetchHere } from '../helpers/fetch-at.ts';
import { deployProduction, noProduction } from '../helpers/production.ts';
import { calls } from './production/calls.ts';
import { faults } from './production/faults.ts';
import { hardening } from './production/hardening.ts';
import type { ProductionScene } from './production/scene.ts';

const skip = await noProduction();

// One stack for all groups: each finds it as the one before left it, in the order below.
describe('the production stack on one Swarm node', { skip }, () => {
  let scene: ProductionScene;
  before(async () => {
    const stack = await deployProduction();
    scene = { stack, here: fetchHere(stack.ca) };
  });
  after(() => scene?.stack[Symbol.asyncDispose]());

  calls(() => scene);
  hardening(() => scene);
  faults(() => scene);
});
