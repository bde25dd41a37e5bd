/** Who may come in, asked of every request in this order: Host, Origin, key. */
import type { IncomingMessage } from 'node:http';
import type { Access, KeyRing } from './keys.ts';
import { Refused } from './problem.ts';

export interface GuardOptions {
  allowsHost(header: string | undefined): boolean;
  allowsOrigin(header: string): boolean;
  readonly keys: Pick<KeyRing, 'identify'>;
}

/** Values of a header as sent; Node keeps only the first of some headers that come twice. */
function valuesOf(request: IncomingMessage, name: string): string[] {
  const values: string[] = [];
  const { rawHeaders } = request;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  return values;
}

/**
 * The caller's key.
 * @throws Refused when the request is not to be served.
 */
export function admit(request: IncomingMessage, options: GuardOptions): Access {
  const hosts = valuesOf(request, 'host');
  if (hosts.length !== 1 || !options.allowsHost(hosts[0]))
    throw new Refused({
      status: 403,
      message: 'this Host is not served; see ALLOWED_HOSTS of the proxy',
    });
  const origins = valuesOf(request, 'origin');
  if (origins.length > 1 || origins.some((origin) => !options.allowsOrigin(origin)))
    throw new Refused({
      status: 403,
      message: 'this Origin is not served; see ALLOWED_ORIGINS of the proxy',
    });
  const credentials = valuesOf(request, 'authorization');
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
