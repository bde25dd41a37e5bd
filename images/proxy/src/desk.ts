/** Puts together what stands between clients and the upstream: rules for tools, limits, and the audit. */
import type { Clock } from '../../kit/src/clock.ts';
import type { Logger } from '../../kit/src/logger.ts';
import { CallAudit } from './audit.ts';
import { type CallObserver, Calls } from './calls.ts';
import type { KeyRing } from './front/keys.ts';
import { Admission } from './limits/admission.ts';
import { ToolCatalogue } from './policy/catalogue.ts';
import { ToolPolicy } from './policy/policy.ts';
import type { ProxySettings } from './settings.ts';
import type { Upstream } from './upstream/upstream.ts';

export interface DeskOptions {
  readonly settings: ProxySettings;
  readonly keys: Pick<KeyRing, 'optionsOf'>;
  readonly upstream: Upstream;
  readonly observer: CallObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Desk {
  readonly calls: Calls;
  readonly admission: Admission;
}

/** Children that work on one request at a time: whoever waits for one waits here, where keys take turns. */
function placesOf({ maxInFlight, upstream, childSharing, childCount }: ProxySettings): number {
  const oneByOne = upstream === 'dremio' && childSharing === 'call';
  return oneByOne ? Math.min(maxInFlight, childCount) : maxInFlight;
}

export function openDesk({ settings, keys, upstream, observer, clock, log }: DeskOptions): Desk {
  const admission = new Admission({
    inFlight: placesOf(settings),
    perKey: settings.maxInFlightPerKey,
    perSession: settings.maxInFlightPerSession,
    queue: settings.queueLength,
    queueWaitMs: settings.queueWait * 1000,
    clock,
  });
  const policy = new ToolPolicy({
    rules: {
      allow: settings.toolsAllow,
      deny: settings.toolsDeny,
      readOnly: settings.toolsReadOnly,
    },
    rulesOf: (principal) => keys.optionsOf(principal)?.tools,
    catalogue: new ToolCatalogue(upstream, clock),
  });
  const calls = new Calls({
    upstream,
    log,
    audit: new CallAudit(log, { sql: settings.auditSql }),
    observer,
    admission,
    policy,
    keyLimit: (principal) => keys.optionsOf(principal)?.maxInFlight,
    timeoutMs: settings.callTimeout * 1000,
  });
  return { calls, admission };
}
