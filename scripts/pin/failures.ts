/** What can go wrong between this machine and a registry, in words with a way out. No secret is in them. */
import { IMAGE_LOCK_NAME } from '../../infra/image-lock.ts';
import { CommandError, codeOf, messageOf } from '../command-error.ts';
import type { Credentials } from './credentials.ts';
import type { ImageLocation } from './location.ts';

/** One image that is looked up. */
export interface Wanted {
  /** Config key that names it. */
  readonly setting: string;
  readonly reference: string;
  readonly location: ImageLocation;
  readonly credentials: Credentials;
}

/** No whole answer came. */
export function unreachable(
  { reference, location }: Wanted,
  host: string,
  error: unknown,
  timeoutMs: number,
): CommandError {
  const late = error instanceof Error && error.name === 'TimeoutError';
  const why = late ? `no whole answer within ${timeoutMs / 1000} s` : messageOf(error);
  const untrusted = /CERT|SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY/.test(codeOf(error) ?? '');
  const asked = host === location.registry ? '' : `, asked at ${host},`;
  return new CommandError(
    `The registry ${location.registry}${asked} cannot be reached for ${reference}: ${why}.`,
    {
      cause: error,
      advice: untrusted
        ? ['Name the file with the authority behind its certificate: NODE_EXTRA_CA_CERTS=…']
        : [
            'Behind a proxy, name it in https_proxy. Without a way to the registry, run the command on a machine that',
            `has one, in a checkout of the same commit, and commit ${IMAGE_LOCK_NAME} there.`,
          ],
    },
  );
}

/** It answered, and not with the image. */
export function refused(wanted: Wanted, status: number, from = wanted.location.registry) {
  const { reference, location, setting } = wanted;
  const failed = (message: string, advice: readonly string[]) =>
    new CommandError(`${message} (${from}: HTTP ${status}).`, { advice });
  switch (status) {
    case 401:
    case 403:
      return loginProblem(wanted, failed);
    case 404:
      return failed(`The registry ${location.registry} does not have ${reference}`, [
        `Name an image that it has: npm run up -- --set ${setting}=…`,
      ]);
    case 429:
      return failed(`The registry ${location.registry} gives no more answers for now`, [
        `Wait, or log in, which allows more: docker login ${location.registry}`,
      ]);
    default:
      return failed(`The registry ${location.registry} cannot give ${reference}`, [
        'Try again later; if that does not help, ask who runs the registry.',
      ]);
  }
}

function loginProblem(
  { reference, location, credentials }: Wanted,
  failed: (message: string, advice: readonly string[]) => CommandError,
): CommandError {
  const { registry } = location;
  const stackLogin = [
    `For the stack's own registry: npm run up -- --set registryUsername=…`,
    '                              npm run up -- --set-secret registryPassword',
  ];
  switch (credentials.kind) {
    case 'login':
      return failed(
        `The registry ${registry} refuses the login of "${credentials.login.username}" for ${reference}, ` +
          `which comes from ${credentials.login.from}`,
        [...stackLogin, `For any other: docker login ${registry}`],
      );
    case 'none':
      return failed(
        `The registry ${registry} wants a login for ${reference}, or does not have it`,
        [`Log in: docker login ${registry}`, ...stackLogin],
      );
    case 'kept-elsewhere':
      return failed(
        `The registry ${registry} wants a login for ${reference}; the only one is kept by ${credentials.where}, ` +
          'which this command does not ask',
        ['Name a folder whose config.json holds the login itself: DOCKER_CONFIG=…', ...stackLogin],
      );
  }
}

/** It gave something that cannot be pinned. */
export function unusable(
  { setting, reference, location }: Wanted,
  what: string,
  fix = `Name another image: npm run up -- --set ${setting}=…`,
): CommandError {
  return new CommandError(`${reference} of the registry ${location.registry} ${what}.`, {
    advice: [fix],
  });
}
