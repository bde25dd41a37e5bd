import { readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../command-error.ts';

/**
 * Removes locks in a file backend whose process on this machine is gone: a CLI that was killed leaves its lock
 * behind and would keep everyone out (pulumi/pulumi pkg/backend/diy/lock.go).
 */
export async function dropStaleLocks(backend: string): Promise<void> {
  const folder = join(backend, '.pulumi', 'locks');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile() || !entry.name.endsWith('.json')) continue;
    const path = join(entry.parentPath, entry.name);
    const holder: unknown = JSON.parse(await readFile(path, 'utf8').catch(() => 'null'));
    if (isHolder(holder) && holder.hostname === hostname() && !isAlive(holder.pid))
      await rm(path, { force: true });
  }
}

const isHolder = (value: unknown): value is { pid: number; hostname: string } =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  typeof value.pid === 'number' &&
  'hostname' in value;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
