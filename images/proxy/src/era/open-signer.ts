/** The signer of session ids, with the secrets of its file as they are now. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../kit/src/clock.ts';
import { errorText, type Logger } from '../../../kit/src/logger.ts';
import { fileVersion, watchFile } from '../../../kit/src/watch-file.ts';
import { SessionSigner } from './session-id.ts';
import { readSecrets } from './session-secrets.ts';

export interface SignerOptions {
  /** The file with the secrets; without one a secret is made, and sessions end with the process. */
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the watch over the file. */
  readonly signal: AbortSignal;
}

/** @throws NamedFileError when the file cannot be used */
export async function openSigner(options: SignerOptions): Promise<SessionSigner> {
  const { path, clock, log, signal } = options;
  if (path === undefined) {
    log.info('session_secret_made', { note: 'sessions end with this process' });
    return new SessionSigner([randomBytes(32).toString('base64url')]);
  }
  const read = async () => {
    const secrets = await readSecrets(path);
    for (const secret of secrets) log.protect(secret);
    return secrets;
  };
  const version = await fileVersion(path);
  const signer = new SessionSigner(await read());
  void watchFile({
    path,
    version,
    clock,
    signal,
    reload: async () => {
      const secrets = await read();
      signer.use(secrets);
      log.info('session_secrets_read', { count: secrets.length });
    },
    // Sessions go on with the secrets from before.
    onUnusable: (error) => log.error('session_secrets_unusable', { error: errorText(error) }),
  });
  return signer;
}
