/**
 * Which Host and Origin headers are served. A page of another site that has made its name point at this machine
 * sends its own name in Host, so a list of names stops it (DNS rebinding); Origin alone would not.
 */
import { SettingsError } from '../../../kit/src/settings.ts';

const wrong = (problem: string) => new SettingsError([problem]);

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

const isLoopback = (authority: Authority | undefined) =>
  authority !== undefined && LOOPBACK.some((host) => host === authority.host);

/**
 * A test for Host headers: the loopback hosts and `more`, each with or without a port.
 * @throws SettingsError when `more` is empty or holds something else than a host.
 */
export function hostTest(
  variable: string,
  more: readonly string[] | undefined,
): (header: string | undefined) => boolean {
  if (more?.length === 0)
    throw wrong(`${variable} names no host; leave it unset for the loopback hosts`);
  const rules = (more ?? []).map((entry) => {
    const rule = parseAuthority(entry);
    if (!rule)
      throw wrong(
        `${variable} contains ${JSON.stringify(entry)}; expected a host with or without a port, such as mcp.example or mcp.example:8443`,
      );
    return rule;
  });
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

/**
 * A test for Origin headers: `http` on the loopback hosts and, exactly, `more`.
 * @throws SettingsError when `more` is empty or holds something else than an origin.
 */
export function originTest(
  variable: string,
  more: readonly string[] | undefined,
): (header: string) => boolean {
  if (more?.length === 0)
    throw wrong(`${variable} names no origin; leave it unset for the loopback hosts`);
  const allowed = new Set<string>();
  for (const entry of more ?? []) {
    const origin = entry.toLowerCase();
    const host = ORIGIN.exec(origin)?.[1];
    if (host === undefined || !parseAuthority(host))
      throw wrong(
        `${variable} contains ${JSON.stringify(entry)}; expected an origin such as https://app.example`,
      );
    allowed.add(origin);
  }
  return (header) => {
    const origin = header.toLowerCase();
    if (allowed.has(origin)) return true;
    const host = origin.startsWith('http://') ? origin.slice('http://'.length) : '';
    return isLoopback(parseAuthority(host));
  };
}
