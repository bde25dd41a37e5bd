/**
 * Outages of Dremio that begin just before a renewal, the worst moment, under the refresher's container: each run has a
 * container, a Dremio and a token file of its own, and all pass at the same time.
 *
 * How long an outage may last is scaled to the token's life. With 30 h it is 5 h 50 min of a margin of 6 h: the rest is
 * two ticks of 5 min, of which a recovery takes one at most. A short token's margin is four ticks, so the outage ends one
 * tick and some slack before the token. Where Dremio answers with 5xx a check of the token does not say that it is back,
 * and the next login comes by the backoff alone: up to 5 min later, or as long again as the outage and a third.
 */
import {
  createTokenVolume,
  type LogLine,
  type RefresherContainer,
  startRefresherContainer,
  testName,
} from './refresher-container.ts';
import type { RefresherKit } from './refresher-kit.ts';
import { SLACK_MS, untilTime } from './refresher-scene.ts';
import { docker, eventually } from './stack.ts';
import { startTokenReader, type TokenReader, timeWithoutToken } from './token-reader.ts';
import { startTroubledDremio, type TroubledDremio } from './troubled-dremio.ts';

/** How long before the renewal an outage begins, ms. */
const LEAD_MS = 200;
const MAX_BACKOFF_MS = 300_000;
/** Containers that are started at the same time; more take longer each, not less in all. */
const STARTS_AT_ONCE = 4;

interface Kind {
  begin(dremio: TroubledDremio): unknown;
  end(dremio: TroubledDremio): unknown;
  /** Longest outage that leaves no gap, ms, by the margin (how long before its end a token is renewed) and the tick. */
  longest(marginMs: number, tickMs: number): number;
}

const unreachable: Pick<Kind, 'end' | 'longest'> = {
  end: (dremio) => dremio.recover(),
  longest: (marginMs, tickMs) => marginMs - tickMs - SLACK_MS,
};

/** After an outage of d ms the next of the doubling pauses, each at least 75 % of its length, ends before 7/3 d + 1 s. */
const failing = (status: number): Kind => ({
  begin: ({ demo }) => demo.faults.next('/*', { status, times: Number.POSITIVE_INFINITY }),
  end: ({ demo }) => demo.faults.clear(),
  longest: (marginMs) =>
    Math.max(marginMs - SLACK_MS - MAX_BACKOFF_MS, ((marginMs - SLACK_MS - 1000) * 3) / 7),
});

const KINDS: Readonly<Record<string, Kind>> = {
  stop: { begin: (dremio) => dremio.stop(), ...unreachable },
  hang: { begin: (dremio) => dremio.freeze(), ...unreachable },
  500: failing(500),
  503: failing(503),
};

export interface OutageResult {
  readonly kind: string;
  readonly outageMs: number;
  /** From the end of the outage to the new token in the file. */
  readonly recoveryMs: number;
  /** How long a tick was. */
  readonly tickMs: number;
  /** The next try that the last failed login announced, after the end of the outage; negative: before it. */
  readonly announcedMs: number;
  /** How long the file held no valid token. */
  readonly withoutTokenMs: number;
}

/**
 * @param kit of the refreshers
 * @param options.lifeMs life of the tokens
 * @param options.random in [0, 1), draws the kinds
 */
export async function runOutages(
  { image, secrets }: RefresherKit,
  { runs, lifeMs, random }: { runs: number; lifeMs: number; random: () => number },
): Promise<OutageResult[]> {
  await using stack = new AsyncDisposableStack();
  const names = Object.keys(KINDS);
  const plans = Array.from({ length: runs }, () => ({
    kind: names[Math.floor(random() * names.length)] ?? 'stop',
    volume: `${testName()}-token`,
  }));
  for (const { volume } of plans) {
    await createTokenVolume(volume);
    stack.defer(() => docker.getVolume(volume).remove());
  }
  const reader = await startTokenReader(
    image,
    plans.map(({ volume }) => volume),
  );
  stack.defer(() => reader.remove());
  const under: Promise<OutageResult>[] = [];
  for (let index = 0; index < plans.length; index += STARTS_AT_ONCE)
    await Promise.all(
      plans.slice(index, index + STARTS_AT_ONCE).map(async ({ kind, volume }) => {
        const dremio = await startTroubledDremio(lifeMs);
        stack.defer(() => dremio.close());
        const refresher = await startRefresherContainer({
          image,
          secrets,
          dremioUrl: dremio.urlForContainers,
          tokenVolume: volume,
        });
        stack.defer(() => refresher.remove());
        under.push(runOutage(kind, { lifeMs, dremio, refresher, reader, volume }));
      }),
    );
  // Every run has to be over before its things are taken away.
  const outcomes = await Promise.allSettled(under);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

interface Run {
  readonly lifeMs: number;
  readonly dremio: TroubledDremio;
  readonly refresher: RefresherContainer;
  readonly reader: TokenReader;
  readonly volume: string;
}

async function runOutage(
  name: string,
  { lifeMs, dremio, refresher, reader, volume }: Run,
): Promise<OutageResult> {
  const kind = KINDS[name];
  if (kind === undefined) throw new Error(`no kind of outage is called ${name}`);
  const { log } = refresher;
  const { expires_at: expires, refresh_at: refresh } = await log.until('token_written');
  const [expiresAt, refreshAt] = [Date.parse(String(expires)), Date.parse(String(refresh))];
  const tickMs = Math.max(5_000, Math.min(300_000, lifeMs / 20));
  await untilTime(refreshAt - LEAD_MS);
  await kind.begin(dremio);
  // By the promise, not by what the refresher makes of it.
  await untilTime(refreshAt + kind.longest(lifeMs / 5, tickMs));
  const endedAt = Date.now();
  await kind.end(dremio);
  const back = await eventually(
    'the file has a new token',
    async () => reader.seen(volume).find((token) => token.expiresAt > expiresAt),
    lifeMs + MAX_BACKOFF_MS,
  );
  return {
    kind: name,
    outageMs: endedAt - refreshAt + LEAD_MS,
    recoveryMs: Math.max(0, Math.round(back.since - endedAt)),
    tickMs,
    announcedMs: (announced(log.lines) ?? endedAt) - endedAt,
    withoutTokenMs: timeWithoutToken(reader.seen(volume)),
  };
}

/** The next try that the last failed login announced, epoch ms. */
function announced(lines: readonly LogLine[]): number | undefined {
  const last = lines.findLast(({ event }) => event === 'login_failed');
  return last && Date.parse(String(last.next_try_at));
}
