/**
 * The refresher as it is, over real HTTP and real files, in simulated time: with a demo Dremio in the same process,
 * and a look at the token file before each stretch of time.
 */
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  DEMO_USER,
  type DemoDremio,
  type DemoDremioOptions,
  start,
  type TokenState,
} from '../../images/demo-dremio/src/index.ts';
import { createLogger } from '../../images/kit/src/logger.ts';
import { readSettings } from '../../images/kit/src/settings.ts';
import { parseTokenFile, type Token } from '../../images/kit/src/token-file.ts';
import { refresherSettings } from '../../images/refresher/src/settings.ts';
import { startRefresher } from '../../images/refresher/src/start.ts';
import { type LogLine, makeWorkplace } from './refresher-process.ts';
import { SteppedClock, stampFiles } from './stepped-clock.ts';

/** How long anything may take in real time, ms. */
const REAL_PATIENCE_MS = 5_000;

/** A stretch of simulated time, epoch ms. */
export interface Span {
  readonly from: number;
  to: number;
}

export interface SimulationOptions {
  demo?: DemoDremioOptions;
  /** More settings of the refresher, as environment variables. */
  settings?: Record<string, string>;
  /** In [0, 1); 0.5 when left out. */
  random?: () => number;
}

export type Simulation = Awaited<ReturnType<typeof simulate>>;

export async function simulate(options: SimulationOptions = {}) {
  const clock = new SteppedClock();
  const time = clock.participant('the refresher');
  const place = await makeWorkplace(DEMO_USER.password);
  let skew = 0;
  /** Set while Dremio is asked about another time than the present. */
  let asked: number | undefined;
  const demo: DemoDremio = await start({
    now: () => (asked ?? clock.now()) + skew,
    data: false,
    logCapacity: 100,
    ...options.demo,
  });

  const file = (): Token | undefined => {
    try {
      const read = parseTokenFile(readFileSync(place.tokenFile, 'utf8'));
      return read.state === 'valid' ? read : undefined;
    } catch {
      return undefined;
    }
  };
  const worthAt = (trueTime: number): TokenState => {
    asked = trueTime;
    const { state } = demo.tokens.check(file()?.token);
    asked = undefined;
    return state;
  };

  const gaps: Span[] = [];
  let leastLife = Number.POSITIVE_INFINITY;
  let begun = false;
  stampFiles(clock, place.tokenFolder, () => time.now());
  clock.beforeMove((from, to) => {
    const valid = worthAt(to - 1) === 'valid';
    begun ||= valid;
    if (!begun) return;
    const ahead = time.now() - clock.now();
    leastLife = Math.min(leastLife, (file()?.expiresAt ?? 0) - ahead - to);
    const last = gaps.at(-1);
    if (!valid && last?.to === from) last.to = to;
    else if (!valid) gaps.push({ from, to });
  });

  const lines: LogLine[] = [];
  const written = new EventEmitter();
  const events = (name: string) => lines.filter(({ event }) => event === name);
  const service = await startRefresher({
    settings: readSettings(refresherSettings, {
      DREMIO_URL: demo.url,
      DREMIO_USERNAME: DEMO_USER.userName,
      DREMIO_PASSWORD_FILE: place.passwordFile,
      TOKEN_FILE: place.tokenFile,
      OPERATIONS_PORT: '0',
      ...options.settings,
    }),
    log: createLogger({
      service: 'refresher',
      level: 'info',
      destination: {
        write(line) {
          lines.push(JSON.parse(line));
          written.emit('line');
        },
      },
    }),
    version: '0',
    clock: time,
    monotonic: () => clock.monotonic(),
    random: options.random ?? (() => 0.5),
  });

  return {
    clock,
    /** The refresher's own clock. */
    time,
    demo,
    place,
    /** Log lines of one event so far. */
    events,
    /** Resolves once there are `count` log lines of an event. */
    async logged(name: string, count = 1) {
      const signal = AbortSignal.timeout(REAL_PATIENCE_MS);
      while (events(name).length < count) await once(written, 'line', { signal });
    },
    /** Spans, after the first token, in which Dremio would have refused the token in the file. */
    gaps: gaps as readonly Readonly<Span>[],
    /** Least life, by the file's own word, that its token ever had after the first, ms. */
    get leastLife() {
      return leastLife;
    },
    /** The token in the file, `expiresAt` by the refresher's clock. */
    file,
    /** What Dremio thinks of the token in the file, now or at another true time. */
    worth: (trueTime = clock.now()) => worthAt(trueTime),
    /** Moves Dremio's clock against the true time. */
    setDremioAhead: (ms: number) => {
      skew = ms;
    },
    /** Status and codes of the reasons of `/livez` or `/readyz`. */
    async health(path: '/livez' | '/readyz') {
      const response = await fetch(`http://127.0.0.1:${service.operationsPort}${path}`);
      const { reasons } = (await response.json()) as { reasons: { code: string }[] };
      return { status: response.status, codes: reasons.map(({ code }) => code) };
    },
    async [Symbol.asyncDispose]() {
      time.leave();
      await service.stop();
      await demo.close();
      await place.remove();
    },
  };
}
