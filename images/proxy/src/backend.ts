/** What serves the clients, with everything that stands behind it. */
import type { Clock } from '../../kit/src/clock.ts';
import type { Logger } from '../../kit/src/logger.ts';
import type { Reason } from '../../kit/src/operations.ts';
import type { JsonObject } from './jsonrpc/message.ts';
import type { ProxySettings } from './settings.ts';
import type { ChildrenReading } from './upstream/stdio/stdio-upstream.ts';
import type { Upstream } from './upstream/upstream.ts';

export interface Backend extends AsyncDisposable {
  readonly upstream: Upstream;
  /** Why a call would fail now; empty = it would not. */
  reasons(): readonly Reason[];
  children(): ChildrenReading;
  /** Life left of the login token; undefined where there is none. */
  tokenSecondsLeft(): number | undefined;
}

export interface BackendOptions {
  readonly settings: ProxySettings;
  /** How the proxy names itself to the server. */
  readonly clientInfo: JsonObject;
  readonly clock: Clock;
  readonly log: Logger;
}
