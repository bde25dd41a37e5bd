/** Puts the refresher together: files, Dremio, loop and operations port. */
import { readCertificates } from '../../kit/src/certificates.ts';
import { systemClock } from '../../kit/src/clock.ts';
import type { Logger } from '../../kit/src/logger.ts';
import { createRegistry } from '../../kit/src/metrics.ts';
import { sendJson, startOperations } from '../../kit/src/operations.ts';
import type { Running } from '../../kit/src/service.ts';
import type { Values } from '../../kit/src/settings.ts';
import { readyReasons, statusOf } from './core/readiness.ts';
import { createFingerprint, credentialFiles } from './credentials.ts';
import { openCredentialsNote } from './credentials-note.ts';
import { connectDremio } from './dremio.ts';
import { createLock } from './lock.ts';
import { createMetrics } from './metrics.ts';
import { Refresher } from './refresher.ts';
import { policyOf, type refresherSettings } from './settings.ts';
import { createTokenStore } from './token-store.ts';

/** How long a stop waits for the loop; the file is whole at every moment, so cutting it off is safe. */
const STOP_MS = 1000;

export interface RefresherService extends Running {
  readonly operationsPort: number;
  readonly refresher: Refresher;
}

/**
 * Starts the refresher.
 * @throws Error when the operations port cannot be had
 */
export async function startRefresher({
  settings,
  log,
  version,
  clock = systemClock,
  monotonic = () => performance.now(),
  random = Math.random,
}: {
  settings: Values<typeof refresherSettings>;
  log: Logger;
  version: string;
  clock?: typeof systemClock;
  /** A clock that never jumps, ms. */
  monotonic?: () => number;
  random?: () => number;
}): Promise<RefresherService> {
  const policy = policyOf(settings);
  const credentials = credentialFiles(settings.dremioUsername, settings.dremioPasswordFile);
  const store = createTokenStore(settings.tokenFile);
  const { dremioCaFile } = settings;
  const ca = dremioCaFile === undefined ? undefined : () => readCertificates(dremioCaFile);

  const registry = createRegistry({ service: 'refresher', version });
  const refresher = new Refresher({
    policy,
    createFirstUser: settings.createFirstUser,
    dremio: connectDremio({ url: settings.dremioUrl, ca, clock }),
    store,
    lock: createLock(settings.tokenFile, clock),
    credentials,
    note: await openCredentialsNote(settings.tokenFile),
    fingerprint: createFingerprint(),
    clock,
    random,
    monotonic,
    log,
    metrics: (state) => createMetrics(registry, state, clock.now),
  });
  const operations = await startOperations({
    port: settings.operationsPort,
    live: () => refresher.live(),
    ready: () => readyReasons(refresher.state, clock.now(), policy),
    // Each start is one more login with a wrong password, and directories lock users out for that.
    beyondRestart: () => refresher.state.loginTrouble?.last.class === 'credentials_refused',
    registry,
    routes: {
      '/probe': (request, response) => {
        request.resume();
        if (request.method !== 'POST') {
          response.setHeader('allow', 'POST');
          sendJson(response, 405, { status: 'method_not_allowed', allowed: ['POST'] });
          return;
        }
        refresher.hint();
        sendJson(response, 202, { status: 'accepted' });
      },
      '/status': (_, response) =>
        sendJson(response, 200, statusOf(refresher.state, clock.now(), policy)),
    },
    log,
  });
  log.info('started', {
    dremio: settings.dremioUrl.href,
    token_file: settings.tokenFile,
    operations_port: operations.port,
  });
  const running = refresher.run();
  return {
    operationsPort: operations.port,
    refresher,
    async stop() {
      refresher.stop();
      await Promise.race([running, systemClock.sleep(STOP_MS)]);
      await operations.close();
    },
  };
}
