/** Who may come in, asked of every request in this order: Host, Origin, key. */
import type { IncomingMessage } from 'node:http';
import type { Access, KeyRing } from './keys.ts';
import { Refused } from './problem.ts';

export interface GuardOptions {
  allowsHost(header: string | undefined): boolean;
  allowsOrigin(header: string): boolean;
  readonly keys: Pick<KeyRing, 'identify'>;
}

/** The headers that are looked at, each value as sent; Node keeps only the first of some that come twice. */
function credentialsOf({ rawHeaders }: IncomingMessage) {
  const found = { host: [] as string[], origin: [] as string[], authorization: [] as string[] };
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase();
    if (name === 'host' || name === 'origin' || name === 'authorization')
      found[name].push(rawHeaders[i + 1] ?? '');
  }
  return found;
}

/**
 * The caller's key.
 * @throws Refused when the request is not to be served.
 */
export function admit(request: IncomingMessage, options: GuardOptions): Access {
  const { host: hosts, origin: origins, authorization: credentials } = credentialsOf(request);
  if (hosts.length !== 1 || !options.allowsHost(hosts[0]))
    throw new Refused({
      status: 403,
      message: 'this Host is not served; see ALLOWED_HOSTS of the proxy',
    });
  if (origins.length > 1 || origins.some((origin) => !options.allowsOrigin(origin)))
    throw new Refused({
      status: 403,
      message: 'this Origin is not served; see ALLOWED_ORIGINS of the proxy',
    });
  const access = credentials.length === 1 ? options.keys.identify(credentials[0]) : undefined;
  if (access) return access;
  const missing = credentials.length === 0;
  throw new Refused({
    status: 401,
    message: missing
      ? 'a key is needed: send the header Authorization: Bearer <key>'
      : 'this key is not valid',
    headers: {
      'www-authenticate': `Bearer realm="lakehouse-mcp"${missing ? '' : ', error="invalid_token"'}`,
    },
  });
}
