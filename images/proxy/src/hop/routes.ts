/**
 * What the official server needs of Dremio's REST API, and nothing else
 * (dremio/dremio-mcp:src/dremioai/api/dremio/{sql,catalog,search}.py). A catalogue id may hold slashes.
 */

export interface Route {
  readonly method: 'GET' | 'POST';
  /** The path with its variable parts named; a label of metrics. */
  readonly pattern: string;
  readonly path: RegExp;
}

const ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/api/v3/sql', path: /^\/api\/v3\/sql$/ },
  { method: 'GET', pattern: '/api/v3/job/{id}', path: /^\/api\/v3\/job\/[^/]+$/ },
  {
    method: 'GET',
    pattern: '/api/v3/job/{id}/results',
    path: /^\/api\/v3\/job\/([^/]+)\/results$/,
  },
  {
    method: 'GET',
    pattern: '/api/v3/catalog/by-path/{path}',
    path: /^\/api\/v3\/catalog\/by-path\/.+$/,
  },
  {
    method: 'GET',
    pattern: '/api/v3/catalog/{id}/collaboration/tag',
    path: /^\/api\/v3\/catalog\/.+\/collaboration\/tag$/,
  },
  {
    method: 'GET',
    pattern: '/api/v3/catalog/{id}/collaboration/wiki',
    path: /^\/api\/v3\/catalog\/.+\/collaboration\/wiki$/,
  },
  { method: 'GET', pattern: '/api/v3/catalog/{id}/graph', path: /^\/api\/v3\/catalog\/.+\/graph$/ },
  { method: 'POST', pattern: '/api/v3/search', path: /^\/api\/v3\/search$/ },
];

/** What a request's target has to look like before its path is compared: no control characters, no fragment. */
const TARGET = /^\/[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e%@]*$/;

export interface Match {
  readonly route: Route;
  /** The query whose result is asked for. */
  readonly query: string | undefined;
}

/** True for a segment that a server might take as "this folder" or "the one above". */
const isDots = (segment: string) => /^(\.|%2e){1,2}$/i.test(segment);

/** The route that a request target (path and query) stands for, or undefined when it is not one of ours. */
export function matchRoute(method: string, target: string): Match | undefined {
  if (!TARGET.test(target)) return undefined;
  const path = target.split('?', 1)[0] ?? '';
  if (path.split('/').some(isDots)) return undefined;
  for (const route of ROUTES) {
    if (route.method !== method) continue;
    const found = route.path.exec(path);
    if (found) return { route, query: found[1] };
  }
  return undefined;
}
