/**
 * Which Host and Origin headers are served. A page of another site that has made its name point at this machine
 * sends its own name in Host, so a list of names stops it (DNS rebinding); Origin alone would not.
 */
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'] as const;

interface Authority {
  readonly host: string;
  /** As written; undefined = none. */
  readonly port: string | undefined;
}

const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(\d{1,5}))?$/;

function parseAuthority(text: string): Authority | undefined {
  const found = AUTHORITY.exec(text.toLowerCase());
  return found?.[1] === undefined ? undefined : { host: found[1], port: found[2] };
}

/** What the list of more hosts may hold. */
export const hostWord = {
  test: (text: string) => parseAuthority(text) !== undefined,
  allowed: 'hosts with or without a port, such as mcp.example or mcp.example:8443',
};

const isLoopback = (authority: Authority | undefined) =>
  authority !== undefined && LOOPBACK.some((host) => host === authority.host);

/** A test for Host headers: the loopback hosts and `more`, each with or without a port. */
export function hostTest(more: readonly string[] = []): (header: string | undefined) => boolean {
  const rules = more.flatMap((entry) => parseAuthority(entry) ?? []);
  return (header) => {
    const given = header === undefined ? undefined : parseAuthority(header);
    if (!given) return false;
    return (
      isLoopback(given) ||
      rules.some(
        ({ host, port }) => host === given.host && (port === undefined || port === given.port),
      )
    );
  };
}

const ORIGIN = /^https?:\/\/([^/]+)$/;

/** What the list of more origins may hold. */
export const originWord = {
  test: (text: string) => hostWord.test(ORIGIN.exec(text.toLowerCase())?.[1] ?? ''),
  allowed: 'origins such as https://app.example',
};

/** A test for Origin headers: `http` on the loopback hosts and, exactly, `more`. */
export function originTest(more: readonly string[] = []): (header: string) => boolean {
  const allowed = new Set(more.map((origin) => origin.toLowerCase()));
  return (header) => {
    const origin = header.toLowerCase();
    if (allowed.has(origin)) return true;
    const host = origin.startsWith('http://') ? origin.slice('http://'.length) : '';
    return isLoopback(parseAuthority(host));
  };
}
