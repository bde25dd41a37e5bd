/** Many clients that count their requests alike. CALLS sets how many there are in all. */
import { it } from 'node:test';
import { callWithEqualIds } from '../fixtures/proxy/equal-ids.ts';

const CLIENTS = 50;
const CALLS = Number(process.env.CALLS ?? 20_000);

it(`P13: ${CLIENTS} clients with equal ids over ${CALLS} calls: each answer reaches the one who asked`, () =>
  callWithEqualIds(CLIENTS, CALLS));
