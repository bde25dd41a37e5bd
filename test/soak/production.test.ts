import { after, before, describe } from 'node:test';
import { fetchHere } from '../helpers/fetch-at.ts';
import { deployProduction, noProduction } from '../helpers/production.ts';
import { faults } from '../system/production/faults.ts';
import { rotations } from '../system/production/rotations.ts';
import type { ProductionScene } from '../system/production/scene.ts';

// SOAK_ROUNDS: containers killed or restarted; SOAK_AWAY_MINUTES: how long Dremio is away; SOAK_SEED: of the order.
const ROUNDS = Number(process.env.SOAK_ROUNDS ?? '20');
const AWAY_MINUTES = Number(process.env.SOAK_AWAY_MINUTES ?? '10');
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1e6);

const skip = await noProduction();

describe('the production stack on one Swarm node, for longer', { skip }, () => {
  let scene: ProductionScene;
  before(async () => {
    const stack = await deployProduction();
    scene = { stack, here: fetchHere(stack.ca) };
  });
  after(() => scene?.stack[Symbol.asyncDispose]());

  rotations(() => scene, { sessionSecret: true });
  faults(() => scene, { rounds: ROUNDS, kinds: 7, awayMs: AWAY_MINUTES * 60_000, seed: SEED });
});
