import { readFile } from 'node:fs/promises';
import { run } from '../process.ts';

/** Where Debian's packages come from. */
export interface Mirrors {
  readonly main: string;
  /** Of security updates. */
  readonly security: string;
}

/**
 * Mirrors of Debian that this machine's apt uses, so that an image is built from where the machine is updated from;
 * `undefined` where it uses none (Ubuntu).
 */
export async function debianMirrors(): Promise<Mirrors | undefined> {
  const targets = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(LABEL)',
    'Created-By: Packages',
  ]);
  return mirrorsOf(targets.stdout);
}

/** Reads lines of `URL label`, as `apt-get indextargets` prints them. */
export function mirrorsOf(targets: string): Mirrors | undefined {
  const found = (label: string) =>
    targets
      .split('\n')
      .map((line) => /^(https?:\/\/\S+?)\/? (.+)$/.exec(line.trim()))
      .find((match) => match?.[2] === label)?.[1];
  const main = found('Debian');
  return main === undefined
    ? undefined
    : { main, security: found('Debian-Security') ?? securityMirrorOf(main) };
}

/** Debian's archive and its security updates lie side by side on a mirror. */
const securityMirrorOf = (main: string) => `${main}-security`;

/** Reads the mirror that debootstrap falls back to from its script. */
export function mirrorsOfDebootstrap(script: string): Mirrors | undefined {
  const main = /^DEF_MIRROR="?(https?:\/\/[^"\s]+?)\/?"?$/m.exec(script)?.[1];
  return main === undefined ? undefined : { main, security: securityMirrorOf(main) };
}

/** PEM text of the authorities that this machine trusts: its bundle, or the one that the environment names. */
export async function trustedAuthorities(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const named = environment.NODE_EXTRA_CA_CERTS || environment.SSL_CERT_FILE;
  const system = await readFile('/etc/ssl/certs/ca-certificates.crt', 'utf8').catch(() => '');
  if (named === undefined || named === '') return system;
  return joinBundles(system, await readFile(named, 'utf8'));
}

/** Both bundles' certificates, each once. */
export function joinBundles(first: string, second: string): string {
  const certificates = (text: string) =>
    text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return `${[...new Set([...certificates(first), ...certificates(second)])].join('\n')}\n`;
}

/**
 * The proxy that this machine goes through, for apt, npm and pip during builds. One with a password in its URL is
 * left out: it would be readable in every image.
 */
export function buildProxy(environment: Readonly<Record<string, string | undefined>>): {
  url?: string;
  refused?: string;
} {
  const named =
    environment.https_proxy ||
    environment.HTTPS_PROXY ||
    environment.http_proxy ||
    environment.HTTP_PROXY;
  if (named === undefined || !URL.canParse(named)) return {};
  const url = new URL(named);
  if (url.username !== '' || url.password !== '') return { refused: url.host };
  // A proxy on this machine's loopback is out of reach for a container.
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) return { refused: url.host };
  return { url: named };
}
