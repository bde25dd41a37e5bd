/** Prometheus metrics of the stand-in: what it was asked, and what became of the tokens it gave out. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DemoDremio } from './start.ts';

const PREFIX = 'demo_dremio_';

export function registerMetrics(registry: Registry, demo: DemoDremio): void {
  const registers = [registry];
  const requests = new Counter({
    name: `${PREFIX}requests_total`,
    help: 'Finished requests by method, path pattern and status; status 0: ended without an answer.',
    labelNames: ['method', 'path', 'status'],
    registers,
  });
  const endedTokens = (state: 'expired' | 'revoked', how: string) =>
    new Counter({
      name: `${PREFIX}${state}_token_requests_total`,
      help: `Requests with a token that had been valid once and had ${how}.`,
      registers,
    });
  const expired = endedTokens('expired', 'reached the end of its life');
  const revoked = endedTokens('revoked', 'been logged out or revoked');
  const logins = new Counter({
    name: `${PREFIX}logins_total`,
    help: 'Logins by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const jobs = new Counter({
    name: `${PREFIX}jobs_total`,
    help: 'Ended jobs by their last state.',
    labelNames: ['state'],
    registers,
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge(
    'tokens_seen',
    'Different tokens that came with a request while they were valid.',
    () => demo.tokens.distinctUsed,
  );
  gauge('tokens_valid', 'Tokens that are valid now.', () => demo.tokens.valid);

  // Series that exist from the start: "none" can be told from "not measured".
  for (const outcome of ['success', 'refused']) logins.inc({ outcome }, 0);
  demo.observe({
    request: ({ method, route, status, tokenState }) => {
      requests.inc({ method, path: route, status: String(status) });
      if (tokenState === 'expired') expired.inc();
      if (tokenState === 'revoked') revoked.inc();
    },
    login: (success) => logins.inc({ outcome: success ? 'success' : 'refused' }),
    job: ({ state }) => jobs.inc({ state }),
  });
}
