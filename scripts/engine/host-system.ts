import { readFileSync } from 'node:fs';

/** What this machine is, as far as installing packages goes. */
export interface HostSystem {
  /** Debian, Ubuntu or something made from them: apt and debootstrap work here. */
  readonly debianLike: boolean;
  /** `ID` of os-release(5), for example `debian`, `ubuntu`, `fedora`. */
  readonly id: string;
  readonly root: boolean;
}

export function hostSystem(): HostSystem {
  const release = readRelease();
  const like = `${release.ID ?? ''} ${release.ID_LIKE ?? ''}`.split(' ');
  return {
    debianLike: like.includes('debian') || like.includes('ubuntu'),
    id: release.ID ?? process.platform,
    root: process.getuid?.() === 0,
  };
}

/** Parses os-release(5): `KEY=value` lines, values perhaps in quotes. */
export function parseRelease(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const match = /^([A-Z_]+)=(["']?)(.*)\2$/.exec(line.trim());
      return match?.[1] === undefined ? [] : [[match[1], match[3] ?? '']];
    }),
  );
}

function readRelease(): Record<string, string> {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return parseRelease(readFileSync(path, 'utf8'));
    } catch {
      // The other place is looked at next.
    }
  }
  return {};
}
