/** A Python environment with a set of hashed requirements, made once per set and kept. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PIP_TIMEOUT_MS = 300_000;

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lakehouse-mcp');

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Path of a Python interpreter that has the requirements, from the user's cache folder; PYTHON
 * names the one it is made from, `python3` by default. Undefined where the machine has no Python
 * 3.10 that can make such an environment (Debian: the package python3-venv).
 */
export async function pythonWith(requirements: string): Promise<string | undefined> {
  const python = process.env.PYTHON || 'python3';
  const version = await run(python, [
    '-c',
    'import sys, ensurepip; print(sys.version_info[:3])',
  ]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  const [, minor] = /^\(3, (\d+),/.exec(version ?? '') ?? [];
  if (version === undefined || Number(minor ?? 0) < 10) return undefined;

  const key = createHash('sha256')
    .update(version)
    .update(await readFile(requirements));
  const venv = join(cache, `python-${key.digest('hex').slice(0, 16)}`);
  const interpreter = join(venv, 'bin', 'python');
  if (await exists(interpreter)) return interpreter;

  // Made beside its place and moved there whole: a run that was interrupted leaves no half of it.
  const draft = `${venv}.${randomBytes(4).toString('hex')}`;
  await mkdir(cache, { recursive: true });
  try {
    await run(python, ['-m', 'venv', draft]);
    const pip = ['-m', 'pip', '--quiet', '--disable-pip-version-check', 'install'];
    const pinned = ['--require-hashes', '--only-binary=:all:', '--requirement', requirements];
    const draftPython = join(draft, 'bin', 'python');
    await run(draftPython, [...pip, ...pinned], { timeout: PIP_TIMEOUT_MS });
    // Another test run may have been faster; then its environment is as good.
    await rename(draft, venv).catch(async (error: unknown) => {
      if (!(await exists(interpreter))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return interpreter;
}
