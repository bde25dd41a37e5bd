/** S9: what images are made of is named by content, and nothing runs code while it is installed. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const dockerfiles = readdirSync(new URL('images/', root))
  .map((name) => `images/${name}/Dockerfile`)
  .filter((path) => existsSync(new URL(path, root)));

/** The instructions of a Dockerfile, one a line: comments gone, continued lines joined. */
const instructions = (text: string) =>
  text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');

/** Everything through which a Dockerfile takes content that no setting names. */
function unnamedSources(text: string): string[] {
  const lines = instructions(text);
  const stages = new Set(lines.flatMap((line) => / AS (\w+)$/i.exec(line)?.[1] ?? []));
  const settings = new Set(lines.flatMap((line) => /^ARG (\w+)$/.exec(line)?.[1] ?? []));
  return lines.filter((line) => {
    const base = /^FROM (?:--platform=\S+ )?(\S+)/i.exec(line)?.[1];
    if (base !== undefined) {
      const setting = /^\$\{(\w+)\}$/.exec(base)?.[1];
      return !(stages.has(base) || (setting !== undefined && settings.has(setting)));
    }
    const from = /^COPY .*--from=(\S+)/i.exec(line)?.[1];
    if (from !== undefined) return !stages.has(from);
    return /^ADD\b/i.test(line);
  });
}

/** Every use of npm that would not install what the lock file says, or would run packages' scripts. */
function looseInstalls(text: string): string[] {
  return instructions(text)
    .flatMap((line) => line.match(/\b(npm (?!root\b)[^&;|]*|npx [^&;|]*|corepack [^&;|]*)/g) ?? [])
    .filter((use) => !/^npm ci /.test(use) || !use.includes('--ignore-scripts'));
}

describe('the Dockerfiles', () => {
  it('S9 are all looked at', () => assert.ok(dockerfiles.length >= 3, dockerfiles.join()));

  for (const path of dockerfiles) {
    it(`S9 of ${path} takes every base from a setting without a default`, () => {
      assert.deepEqual(unnamedSources(read(path)), []);
    });

    it(`S9 of ${path} installs npm packages as locked, and runs no script of theirs`, () => {
      assert.deepEqual(looseInstalls(read(path)), []);
    });
  }

  it('S9 that take something else are found out', () => {
    assert.deepEqual(
      unnamedSources(
        `ARG A\nARG B=node:24\nFROM \${A} AS one\nFROM \${B}\nFROM node:24\nFROM one\n` +
          'COPY --from=one /a /b\nCOPY --chown=0 --from=busybox /a \\\n  /b\nADD https://example/x /x\n',
      ),
      [
        `FROM \${B}`,
        'FROM node:24',
        'COPY --chown=0 --from=busybox /a /b',
        'ADD https://example/x /x',
      ],
    );
    assert.deepEqual(
      looseInstalls(
        'RUN npm ci --ignore-scripts --omit=dev && npm install left-pad; npx x\nRUN npm ci --omit=dev\n' +
          'RUN rm -rf "$(npm root --global)"\n',
      ),
      ['npm install left-pad', 'npx x', 'npm ci --omit=dev'],
    );
  });
});

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

/** Entries of a package-lock.json that are not a version of a registry by its content. */
function looseEntries(packages: Readonly<Record<string, Locked>>): string[] {
  return Object.entries(packages)
    .filter(([path, { version, resolved, integrity, link }]) => {
      // The project itself and its workspaces.
      if (!path.includes('node_modules/')) return false;
      if (link === true) return !/^images\/[\w-]+$/.test(resolved ?? '');
      const fromRegistry = resolved === undefined || /^https:\/\/[^/]+\/.+\.tgz$/.test(resolved);
      return !(
        /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '') &&
        /^\d+\.\d+\.\d+/.test(version ?? '') &&
        fromRegistry
      );
    })
    .map(([path]) => path);
}

describe('package-lock.json', () => {
  it('S9 has the hash of every package, and none from git or another address', () => {
    const { packages } = JSON.parse(read('package-lock.json'));
    assert.ok(Object.keys(packages).length > 100);
    assert.deepEqual(looseEntries(packages), []);
  });

  it('S9 with a looser entry is found out', () => {
    const integrity = `sha512-${'A'.repeat(86)}==`;
    const good = { version: '1.0.0', integrity };
    assert.deepEqual(
      looseEntries({
        '': {},
        'images/kit': {},
        'node_modules/@lakehouse-mcp/kit': { link: true, resolved: 'images/kit' },
        'node_modules/good': good,
        'node_modules/a': { version: '1.0.0' },
        'node_modules/b': { ...good, integrity: 'sha1-abc' },
        'node_modules/c': { ...good, resolved: 'git+ssh://git@host/c.git#abc' },
        'node_modules/d': { ...good, version: 'https://host/d.tgz' },
        'node_modules/e': { link: true, resolved: '../elsewhere' },
      }),
      ['a', 'b', 'c', 'd', 'e'].map((name) => `node_modules/${name}`),
    );
  });

  it('S9 belongs to manifests that name versions only', () => {
    const manifests = [
      'package.json',
      ...dockerfiles.map((path) => path.replace('Dockerfile', 'package.json')),
    ];
    for (const path of manifests.filter((one) => existsSync(new URL(one, root)))) {
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path));
      const all = { ...dependencies, ...devDependencies, ...optionalDependencies };
      for (const [name, version] of Object.entries(all))
        assert.match(String(version), /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${name} in ${path}`);
    }
  });
});

describe('npm ci', () => {
  const packagesOf = (path: string): Record<string, Locked> => JSON.parse(read(path)).packages;

  it('S9 has installed what package-lock.json names, by version and hash, and nothing else', () => {
    const locked = packagesOf('package-lock.json');
    const installed = Object.entries(packagesOf('node_modules/.package-lock.json'));
    assert.ok(installed.length > 100);
    const identity = ({ version, integrity, link }: Locked = {}) => [version, integrity, link];
    for (const [path, found] of installed)
      assert.deepEqual(identity(found), identity(locked[path]), path);
  });

  it('S9 runs no script of a package, also where nobody says so', () => {
    assert.match(read('.npmrc'), /^ignore-scripts=true$/m);
    assert.match(read('scripts/entry/dependencies.mjs'), /'ci', '--ignore-scripts'/);
  });
});

it('S9 Python packages are installed as wheels by their hash alone', () => {
  const script = read('images/proxy/python/install.sh').replaceAll(/\s*\\\n\s*/g, ' ');
  const installs = script.split('\n').filter((line) => /^install /.test(line));
  assert.ok(installs.length >= 3);
  // What is built from the one checked-out revision has no hash; it comes from this disk and brings nothing along.
  const loose = installs.filter(
    (line) => !line.includes('$hashed') && !/ --no-deps --no-index /.test(line),
  );
  assert.deepEqual(loose, []);
  assert.match(script, /^hashed='--require-hashes --only-binary=:all:'$/m);
});
