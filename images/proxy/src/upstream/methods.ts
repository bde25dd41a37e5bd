import type { JsonObject } from '../jsonrpc/message.ts';

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

/** What a server may ask of a client, with the capability that the client must have declared. */
const ASKED: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

/** True when a client that declared these capabilities can be asked by this method. */
export function mayBeAsked(method: string, capabilities: JsonObject = {}): boolean {
  const name = Object.hasOwn(ASKED, method) ? ASKED[method] : undefined;
  return name !== undefined && capabilities[name] !== undefined;
}
