import { after, before, describe } from 'node:test';
import { fetchHere } from '../helpers/fetch-at.ts';
import { deployProduction, noProduction } from '../helpers/production.ts';
import { calls } from './production/calls.ts';
import { canary } from './production/canary.ts';
import { faults } from './production/faults.ts';
import { hardening } from './production/hardening.ts';
import { network } from './production/network.ts';
import { rotations } from './production/rotations.ts';
import type { ProductionScene } from './production/scene.ts';

/** Of the order of faults; a run that failed is run again with its own. */
const SEED = Number(process.env.FAULTS_SEED ?? Date.now() % 1e6);

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
  network(() => scene);
  rotations(() => scene, { sessionSecret: false });
  faults(() => scene, { rounds: 5, kinds: 5, awayMs: 45_000, seed: SEED });
  // Last: it looks at what all the others have left behind, and takes the stack down.
  canary(() => scene);
});
