/**
 * Methods that go to the server. It is shared by all clients, so what would change it for others, or tell one
 * client of another, is not offered: log levels, subscriptions, tasks.
 */
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
