import { createHash } from 'node:crypto';
import type { Mirrors } from './host-facts.ts';

/** Repository of the base images that are built here. */
export const BASE_REPOSITORY = 'lakehouse-mcp/base';
/** The Debian release of the official Node image that these stand in for. */
export const SUITE = 'bookworm';
/** The npm that goes with the pinned Node 24. */
export const NPM_VERSION = '11.21.2';
/** Where the bundle of trusted authorities lies in the image; no package of Debian's rewrites this file. */
export const BUNDLE_PATH = '/usr/local/share/ca-bundle.pem';

/** Everything that decides what is in a base image. */
export interface Recipe {
  /** Debian's name of the architecture: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Where this machine gets Debian's packages from; absent = where debootstrap does. */
  readonly mirrors?: Mirrors;
  /** Proxy that apt, npm and pip go through; absent = none. It holds no password. */
  readonly proxy?: string;
  readonly nodeVersion: string;
  readonly npmVersion: string;
  /** PEM text of the authorities that this machine trusts. */
  readonly bundle: string;
}

/** Changes when the steps in build.ts change what comes out. */
const FORM = 2;

/** Name of the image that a recipe makes: the same recipe, the same name. */
export function baseImageName(recipe: Recipe): string {
  const parts = [FORM, SUITE, ...Object.entries(recipe).sort(([a], [b]) => (a < b ? -1 : 1))];
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${BASE_REPOSITORY}:${SUITE}-node${recipe.nodeVersion}-${digest.slice(0, 12)}`;
}

/** Files that the image gets beside Debian's packages, by path from its root. */
export function imageFiles(recipe: Recipe, mirrors: Mirrors): Readonly<Record<string, string>> {
  const { proxy } = recipe;
  return {
    'etc/apt/sources.list':
      `deb ${mirrors.main} ${SUITE} main\n` +
      `deb ${mirrors.main} ${SUITE}-updates main\n` +
      `deb ${mirrors.security} ${SUITE}-security main\n`,
    // What the official Debian images do too: no package archives, no translations, no services at install.
    'etc/apt/apt.conf.d/90image':
      'Acquire::Languages "none";\n' +
      'Acquire::Retries "3";\n' +
      'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n' +
      (proxy === undefined
        ? ''
        : `Acquire::http::Proxy "${proxy}";\nAcquire::https::Proxy "${proxy}";\n`),
    'etc/dpkg/dpkg.cfg.d/90image':
      'path-exclude /usr/share/doc/*\n' +
      'path-include /usr/share/doc/*/copyright\n' +
      'path-exclude /usr/share/man/*\n' +
      'path-exclude /usr/share/locale/*\n',
    'usr/sbin/policy-rc.d': '#!/bin/sh\nexit 101\n',
    'etc/ssl/certs/ca-certificates.crt': recipe.bundle,
    [BUNDLE_PATH.slice(1)]: recipe.bundle,
    ...(proxy === undefined
      ? {}
      : {
          'usr/local/etc/npmrc': `proxy=${proxy}\nhttps-proxy=${proxy}\n`,
          'etc/pip.conf': `[global]\nproxy = ${proxy}\n`,
        }),
  };
}

/** Dockerfile instructions that the image's configuration comes from. */
export function imageChanges(recipe: Recipe): string[] {
  return [
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `ENV NODE_VERSION=${recipe.nodeVersion}`,
    `ENV NODE_EXTRA_CA_CERTS=${BUNDLE_PATH}`,
    `ENV SSL_CERT_FILE=${BUNDLE_PATH}`,
    `ENV PIP_CERT=${BUNDLE_PATH}`,
    'LABEL lakehouse.component=base',
    'LABEL org.opencontainers.image.title="lakehouse-mcp base"',
    `LABEL org.opencontainers.image.description="Debian ${SUITE} with Node ${recipe.nodeVersion}, built from packages"`,
    'CMD ["node"]',
  ];
}
