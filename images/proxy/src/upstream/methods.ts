/** Methods that go to the server. */
export const FORWARDED: ReadonlySet<string> = new Set([
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
]);

/**
 * Methods that change a server for whoever shares it, or tell one client of another: they go to the server only
 * where clients can be told apart behind it.
 */
export const PERSONAL: ReadonlySet<string> = new Set([
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);
