/** How a registry wants to be asked: the first challenge of its `WWW-Authenticate` that this client can meet. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: URL; readonly service?: string };

/**
 * Reads `WWW-Authenticate` (RFC 9110, 11.6.1; distribution/distribution docs/spec/auth/token.md).
 * @returns `undefined` when it holds neither Basic nor a Bearer challenge with a usable realm
 */
export function parseChallenge(header: string): Challenge | undefined {
  for (const { scheme, parameters } of challenges(header)) {
    if (scheme === 'basic') return { scheme };
    const realm = parameters.get('realm') ?? '';
    if (scheme !== 'bearer' || !URL.canParse(realm)) continue;
    const service = parameters.get('service');
    return { scheme, realm: new URL(realm), ...(service === undefined ? {} : { service }) };
  }
  return undefined;
}

/** A scheme stands before its parameters; a parameter is `name=token` or `name="text"`. */
const PART =
  /[\s,]*(?:(?<name>[\w-]+)\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<token>[^\s,"]+))|(?<scheme>[\w-]+)(?=\s|,|$))/gy;

function challenges(header: string) {
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const { groups = {} } of header.matchAll(PART)) {
    const { scheme, name, quoted, token } = groups;
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (name !== undefined)
      found
        .at(-1)
        ?.parameters.set(name.toLowerCase(), token ?? (quoted ?? '').replace(/\\(.)/g, '$1'));
  }
  return found;
}
