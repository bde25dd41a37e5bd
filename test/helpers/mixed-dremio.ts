/** A Dremio of the test's own process, whose queries take anything from no time to some seconds. */
import { randomBytes } from 'node:crypto';
import { start } from '../../images/demo-dremio/src/index.ts';
import { seededRandom } from './seeded-random.ts';

/** How long a query takes in Dremio, as parts of the longest; most are quick. */
const SHARES = [0, 0, 0, 0.05, 0.2, 0.4, 0.7, 1] as const;
const CHANGE_EVERY_MS = 100;

export interface MixedDremio {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** Tokens with which queries and catalogue requests came. */
  readonly tokens: ReadonlySet<string>;
  /** Requests whose token had ended or was never given out. */
  readonly badTokens: () => number;
  readonly requests: () => number;
  stop(): Promise<void>;
}

/** Listens on all addresses, so that containers reach it as a Dremio on their host. */
export async function mixedDremio(options: {
  tokenLifeMs: number;
  longestQueryMs: number;
  seed: number;
}): Promise<MixedDremio> {
  const username = 'analyst';
  const password = `${randomBytes(12).toString('hex')}a1`;
  const dremio = await start({
    host: '0.0.0.0',
    users: [{ userName: username, password }],
    tokenLifeMs: options.tokenLifeMs,
    // Slow queries wait in a slot; with Dremio's few slots quick ones would wait behind them.
    jobLimits: { running: 64 },
  });
  await dremio.warm();
  const tokens = new Set<string>();
  let bad = 0;
  dremio.observe({
    request: ({ path, token, tokenState }) => {
      if (!path.startsWith('/api/v3/')) return;
      if (tokenState !== 'valid') bad++;
      else if (token !== undefined) tokens.add(token);
    },
  });
  const random = seededRandom(options.seed);
  const change = setInterval(() => {
    const share = SHARES[Math.floor(random() * SHARES.length)] ?? 0;
    dremio.setJobLatency(Math.round(share * options.longestQueryMs));
  }, CHANGE_EVERY_MS);
  return {
    url: `http://localhost:${dremio.port}`,
    username,
    password,
    tokens,
    badTokens: () => bad,
    requests: () => dremio.requests.total,
    stop: async () => {
      clearInterval(change);
      await dremio.close();
    },
  };
}
