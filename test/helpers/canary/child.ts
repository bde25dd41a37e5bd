/** What the official MCP server is given by the proxy: arguments, environment, files, and standard input. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FAKE_CHILD,
  openSession,
  post,
  prepareFolder,
  toolCall,
  writeTokenFile,
} from '../../fixtures/proxy/harness.ts';
import { startProcess } from '../../fixtures/proxy/process.ts';
import type { Sample } from './search.ts';

/** Keeps all of it before a scripted server goes on with it. */
const recorder = (folder: string) => `#!/bin/sh
{ printf '%s\\n' "$@"; env; cat "$HOME"/*; } > '${join(folder, 'given')}'
tee '${join(folder, 'input')}' | '${process.execPath}' '${FAKE_CHILD}' "$@"
`;

/**
 * Runs a proxy on this machine with a stack's secrets, and a server that keeps what it gets.
 * @param key of a client that calls
 * @param token a valid login token
 */
export async function* givenToChild(
  dremio: string,
  key: string,
  token: string,
): AsyncGenerator<Sample> {
  const folder = await prepareFolder([], { canary: key });
  try {
    await writeFile(join(folder, 'child'), recorder(folder), { mode: 0o755 });
    await writeTokenFile(folder, token);
    {
      await using proxy = await startProcess(folder, { DREMIO_URL: dremio });
      const authorization = `Bearer ${key}`;
      const session = await openSession(proxy.url, undefined, key);
      const headers = { authorization, 'mcp-session-id': session };
      for (const [tool, given] of [
        ['echo', { text: 'hello' }],
        ['dremio', { path: '/api/v3/catalog' }],
      ] as const) {
        const answer = await post(proxy.url, toolCall(tool, given), headers);
        const text = await answer.text();
        if (!text.includes('"content"')) throw new Error(`${tool}: ${answer.status} ${text}`);
      }
    }
    for (const name of ['given', 'input'])
      yield {
        surface: 'requests',
        where: `${name} to the official MCP server`,
        content: await readFile(join(folder, name)),
      };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
