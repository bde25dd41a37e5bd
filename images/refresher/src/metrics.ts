/** The refresher's Prometheus metrics. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { PROBE_OUTCOMES, type ProbeOutcome } from './core/answer.ts';
import { FAILURE_CLASSES, type FailureClass } from './core/failure.ts';
import { authenticated } from './core/readiness.ts';
import type { State } from './core/state.ts';

export interface Metrics {
  login(outcome: 'success' | FailureClass): void;
  probe(outcome: ProbeOutcome): void;
  writeFailure(): void;
}

/** Registers the metrics; those of the present state are read at each scrape. */
export function createMetrics(registry: Registry, state: () => State, now: () => number): Metrics {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `lakehouse_refresher_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge(
    'authenticated',
    '1 while the token file holds a token that has not expired and that Dremio has not refused.',
    () => (authenticated(state(), now()) ? 1 : 0),
  );
  gauge('token_remaining_seconds', 'Life left of the token in the token file; 0 without one.', () =>
    Math.max(0, ((state().inFile?.expiresAt ?? now()) - now()) / 1000),
  );
  gauge(
    'last_login_success_timestamp_seconds',
    'When a login last succeeded, Unix time; 0 before the first.',
    () => (state().lastSuccessAt ?? 0) / 1000,
  );
  gauge(
    'login_failures_in_a_row',
    'Logins that failed for the same reason since another outcome.',
    () => state().loginTrouble?.count ?? 0,
  );
  gauge(
    'refresh_overdue_seconds',
    'How long the renewal of the token in the file is past its time; 0 while it is not.',
    () => Math.max(0, (now() - (state().inFile?.refreshAt ?? now())) / 1000),
  );
  gauge(
    'clock_skew_seconds',
    "How far Dremio's clock was ahead of this one's at the last login; negative: behind.",
    () => state().skewMs / 1000,
  );
  new Gauge({
    name: 'lakehouse_refresher_failing',
    help: '1 while logins fail for this reason, or the token file cannot be written.',
    labelNames: ['class'],
    registers,
    collect() {
      const { loginTrouble, writeTrouble } = state();
      for (const kind of FAILURE_CLASSES)
        this.set({ class: kind }, loginTrouble?.last.class === kind ? 1 : 0);
      this.set({ class: 'token_file_not_writable' }, writeTrouble ? 1 : 0);
    },
  });
  const logins = new Counter({
    name: 'lakehouse_refresher_logins_total',
    help: 'Logins by outcome: success or the class of the failure.',
    labelNames: ['outcome'],
    registers,
  });
  const probes = new Counter({
    name: 'lakehouse_refresher_probes_total',
    help: 'Checks of the token with Dremio by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const writeFailures = new Counter({
    name: 'lakehouse_refresher_write_failures_total',
    help: 'Failed tries to write the token file.',
    registers,
  });
  // A series that starts at 0 is seen to rise by the first event; one that appears at 1 is not.
  for (const outcome of ['success', ...FAILURE_CLASSES]) logins.inc({ outcome }, 0);
  for (const outcome of PROBE_OUTCOMES) probes.inc({ outcome }, 0);
  return {
    login: (outcome) => logins.inc({ outcome }),
    probe: (outcome) => probes.inc({ outcome }),
    writeFailure: () => writeFailures.inc(),
  };
}
