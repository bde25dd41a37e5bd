/**
 * Starts the official Dremio MCP server. Everything it needs stands in one private file, written in JSON, which
 * YAML includes: its Dremio is the hop, and its "token" is a random value of this child alone.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Launch } from './process.ts';

export interface DremioMcpOptions {
  readonly command: string;
  /** A folder on a tmpfs. */
  readonly folder: string;
  readonly serverMode: string;
  /** Seconds between two looks at a running query. */
  readonly pollingInterval: number;
  readonly allowDml: boolean;
  /** The hop's address, and a new credential for it that `revoke` makes worthless. */
  admit(): { url: string; credential: string; revoke(): void };
}

/** Prepares one start; the private folder is gone after `release`. */
export async function launchDremioMcp(options: DremioMcpOptions): Promise<Launch> {
  await mkdir(options.folder, { recursive: true });
  const folder = await mkdtemp(join(options.folder, 'dremio-mcp-'));
  const { url, credential, revoke } = options.admit();
  const release = async () => {
    revoke();
    await rm(folder, { recursive: true, force: true });
  };
  const credentialFile = join(folder, 'credential');
  const configFile = join(folder, 'config.yaml');
  const config = {
    dremio: {
      uri: url,
      pat: `@${credentialFile}`,
      allow_dml: options.allowDml,
      api: {
        polling_interval: options.pollingInterval,
        // The hop repeats what is worth repeating; a second owner of retries would multiply them.
        http_retry: { max_retries: 0, initial_delay: 0 },
      },
    },
    tools: { server_mode: options.serverMode },
  };
  try {
    await writeFile(credentialFile, credential, { mode: 0o600, flag: 'wx' });
    await writeFile(configFile, JSON.stringify(config), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    await release();
    throw error;
  }
  return {
    command: options.command,
    args: [
      'run',
      '-c',
      configFile,
      '--no-log-to-file',
      '--enable-json-logging',
      '--log-level',
      'INFO',
    ],
    env: {
      HOME: folder,
      TMPDIR: folder,
      PATH: '/usr/local/bin:/usr/bin:/bin',
      LANG: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
    },
    // The server reads a .env file of its working folder: that folder must be ours.
    cwd: folder,
    release,
  };
}
