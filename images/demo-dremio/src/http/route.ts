/**
 * The route table and its matching, without any I/O. As in JAX-RS a path is matched before any filter runs,
 * so an unknown path is 404 and a wrong method 405 whether or not a token was sent.
 */
import type { User } from '../access/users.ts';
import type { Answer } from './answer.ts';

export interface Call {
  readonly method: string;
  /** Path parameters, decoded; a `*rest` parameter has its segments in `rest`. */
  readonly params: Readonly<Record<string, string>>;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
  /** The Authorization header as it came. */
  readonly authorization: string | undefined;
  /** The user behind the token; set on every route with `access: 'token'`. */
  readonly user: User | undefined;
  /** The body as text; bounded by the server. */
  readonly body: string;
  readonly contentType: string | undefined;
  /** Whether the request came over the machine's own loopback. */
  readonly fromLoopback: boolean;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Literal segments, `:name` for one segment, `*name` at the end for one or more. */
  readonly path: string;
  /**
   * `open`: no token, works before the first user exists. `user`: no token, 403 before the first user.
   * `token`: a valid token.
   */
  readonly access: 'open' | 'user' | 'token';
  handle(call: Call): Answer | Promise<Answer>;
}

export type Match =
  | {
      readonly kind: 'route';
      readonly route: Route;
      readonly params: Readonly<Record<string, string>>;
      readonly rest: readonly string[];
    }
  | { readonly kind: 'wrong-method'; readonly path: string; readonly allow: readonly string[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed' };

const segmentsOf = (path: string): string[] =>
  path.replace(/^\//, '').replace(/\/$/, '').split('/');

/** Matches raw (still percent-encoded) segments; decoding comes after splitting, so `%2F` stays in a segment. */
function matchPath(
  pattern: string,
  raw: readonly string[],
): { params: Record<string, string>; rest: string[] } | undefined {
  const params: Record<string, string> = {};
  const wanted = segmentsOf(pattern);
  for (const [index, segment] of wanted.entries()) {
    const given = raw[index];
    if (given === undefined || (given === '' && segment !== '')) return undefined;
    if (segment.startsWith('*')) return { params, rest: raw.slice(index).map(decodeURIComponent) };
    if (segment.startsWith(':')) params[segment.slice(1)] = decodeURIComponent(given);
    else if (segment !== given) return undefined;
  }
  return raw.length === wanted.length ? { params, rest: [] } : undefined;
}

/** Finds the route of a request; the first pattern that fits its path decides. */
export function findRoute(routes: readonly Route[], method: string, path: string): Match {
  const raw = segmentsOf(path);
  const wanted = method === 'HEAD' ? 'GET' : method;
  let other: { path: string; allow: string[] } | undefined;
  try {
    for (const route of routes) {
      if (other && other.path !== route.path) continue;
      const found = matchPath(route.path, raw);
      if (!found) continue;
      if (route.method === wanted) return { kind: 'route', route, ...found };
      other ??= { path: route.path, allow: [] };
      other.allow.push(route.method);
    }
  } catch (error) {
    if (error instanceof URIError) return { kind: 'malformed' };
    throw error;
  }
  return other ? { kind: 'wrong-method', ...other } : { kind: 'unknown' };
}
