/** Our proxy as its image starts it, authentication and audit on, with files of its own; and the bare bridge. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatTokenFile } from '../../images/kit/src/token-file.ts';
import { type Contender, ECHO_CHILD } from './contender.ts';
import { PROFILE } from './parameters.ts';

const MAIN = fileURLToPath(new URL('../../images/proxy/src/main.ts', import.meta.url));
const BRIDGE = fileURLToPath(new URL('bare-bridge.ts', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/bench-compile', import.meta.url));
const KEY = 'the-key-of-the-benchmark-0123456789';
const TOKEN_LIFE_MS = 3_600_000;

/** What the image's command gives Node: flags and environment. */
function imageCommand(): { flags: string[]; env: Record<string, string> } {
  const script = readFileSync(new URL('../../images/proxy/proxy', import.meta.url), 'utf8');
  const found = /^exec node (.*?) ?\/app\/images\/proxy\/src\/main\.ts/m.exec(script)?.[1];
  if (found === undefined) throw new Error('images/proxy/proxy does not start node as expected');
  const env = Object.fromEntries(
    [...script.matchAll(/^export (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
  );
  return { flags: found.split(' ').filter(Boolean), env };
}

export interface OurProxy extends AsyncDisposable {
  readonly contender: Contender;
  /** Replaces the token file as the refresher does. */
  writeToken(token: string): Promise<void>;
}

/** @param dremioUrl what the proxy takes for Dremio */
export async function ourProxy(dremioUrl: string): Promise<OurProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-bench-proxy-'));
  const at = (name: string) => join(folder, name);
  const child = `#!/bin/sh\nexec '${process.execPath}' '${ECHO_CHILD}' "$@"\n`;
  await writeFile(at('keys.json'), JSON.stringify({ bench: KEY }), { mode: 0o600 });
  await writeFile(at('child'), child, { mode: 0o755 });
  const writeToken = async (token: string) => {
    const content = formatTokenFile({ token, expiresAt: Date.now() + TOKEN_LIFE_MS });
    await writeFile(at('next-token'), content, { mode: 0o600 });
    await rename(at('next-token'), at('token.json'));
  };
  const { flags, env } = imageCommand();
  const profile = PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILE}`];
  return {
    contender: {
      name: 'lakehouse proxy',
      program: 'lakehouse proxy',
      sessions: true,
      command: () => [...flags, ...profile, MAIN],
      headers: { authorization: `Bearer ${KEY}` },
      env: {
        ...env,
        NODE_COMPILE_CACHE: CACHE,
        DREMIO_URL: dremioUrl,
        MCP_KEYS_FILE: at('keys.json'),
        TOKEN_FILE: at('token.json'),
        CHILD_COMMAND: at('child'),
        CHILD_FOLDER: at('children'),
        OPERATIONS_PORT: '0',
      },
    },
    writeToken,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export const bareBridge: Contender = {
  name: 'bare bridge',
  program: 'bare bridge',
  sessions: false,
  command: (port) => [BRIDGE, String(port), process.execPath, ECHO_CHILD],
};
