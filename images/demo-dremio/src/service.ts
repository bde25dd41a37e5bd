/** The stand-in as a service: settings in, REST API and operations port up, log lines out. */
import { errorText, type Logger } from '../../kit/src/logger.ts';
import { createRegistry } from '../../kit/src/metrics.ts';
import { startOperations } from '../../kit/src/operations.ts';
import type { Running } from '../../kit/src/service.ts';
import type { Values } from '../../kit/src/settings.ts';
import type { NewUser } from './access/users.ts';
import { readPassword } from './inspect.ts';
import { registerMetrics } from './metrics.ts';
import { DEMO_USER } from './options.ts';
import type { demoSettings } from './settings.ts';
import { type DemoDremio, start } from './start.ts';

type Settings = Values<typeof demoSettings>;

/** @throws NamedFileError when the password cannot be read, which `inspectFiles` would have told */
async function usersOf(settings: Settings, log: Logger): Promise<NewUser[]> {
  if (!settings.firstUser) return [];
  const { username: userName, passwordFile } = settings;
  if (passwordFile !== undefined) {
    const password = await readPassword(passwordFile);
    log.protect(password);
    return [{ userName, password }];
  }
  log.warn('documented_password_used', { user: userName });
  return [{ userName, password: DEMO_USER.password }];
}

function logEvents(demo: DemoDremio, log: Logger): void {
  demo.observe({
    login: (success) => log[success ? 'info' : 'warn'](success ? 'login' : 'login_refused'),
    job: ({ id, state, startedAt, endedAt = startedAt, result, errorMessage }) =>
      log.info('job_ended', {
        job: id,
        state,
        durationMs: endedAt - startedAt,
        ...(result ? { rows: result.rows.length } : {}),
        ...(errorMessage ? { error: errorMessage } : {}),
      }),
    // The route and not the path: what stands in a path is the client's, and may be a secret put there by mistake.
    request: ({ seq, method, route, status, durationMs, token, tokenState }) =>
      log.debug('request', { request: seq, method, route, status, durationMs, token, tokenState }),
  });
}

export async function startService(options: {
  settings: Settings;
  log: Logger;
  version: string;
}): Promise<Running> {
  const { settings, log } = options;
  const demo = await start({
    host: settings.host,
    port: settings.port,
    users: await usersOf(settings, log),
    tokenLifeMs: settings.tokenLife * 1000,
    ...(settings.tokensFile === undefined ? {} : { tokensFile: settings.tokensFile }),
    jobLatencyMs: settings.jobLatency,
    jobEnqueuedMs: settings.jobEnqueued,
    settleMs: settings.settle,
    startDelayMs: settings.startDelay,
    engineLimits: { statementMs: settings.statementTimeout * 1000 },
    edition: settings.edition,
    version: settings.version,
    data: settings.data,
    strictKeywords: settings.strictKeywords,
    control: settings.control,
    // Metrics count everything; the log of requests is for tests in this process.
    logCapacity: settings.control ? 10_000 : 0,
    onError: (error) => log.error('unexpected_error', { error: errorText(error) }),
  });
  let warm = false;
  try {
    logEvents(demo, log);
    const registry = createRegistry({ service: 'demo-dremio', version: options.version });
    registerMetrics(registry, demo);
    const operations = await startOperations({
      host: settings.host,
      port: settings.operationsPort,
      live: () => [],
      ready: () => [
        ...(warm ? [] : [{ code: 'engine_loading', message: 'the SQL engine is loading' }]),
        ...(demo.isListening
          ? []
          : [{ code: 'not_listening', message: 'the REST API does not accept connections yet' }]),
      ],
      registry,
      log,
    });
    await demo.warm();
    warm = true;
    log.info('listening', {
      url: demo.url,
      operationsPort: operations.port,
      tokenLifeSeconds: settings.tokenLife,
    });
    return {
      stop: async () => {
        await demo.close();
        await operations.close();
      },
    };
  } catch (error) {
    await demo.close();
    throw error;
  }
}
