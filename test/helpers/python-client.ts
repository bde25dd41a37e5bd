/** Runs the client of test/fixtures/python-client, which is made with the Python SDK. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pythonWith } from './python-venv.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/python-client/${name}`, import.meta.url));
const RUN_TIMEOUT_MS = 180_000;
/** Every image of the proxy has it, and a Python with the SDK. */
const IMAGE_LABEL = 'lakehouse.dremio-mcp.revision';
const IMAGE_PYTHON = '/opt/dremio-mcp/bin/python';

export interface PythonClientArgs {
  readonly url: string;
  readonly key: string;
}

/** What the client prints. */
export interface PythonClientReport {
  /** Version of the Python SDK. */
  readonly sdk: string;
  /** Protocol revision that client and server agreed on. */
  readonly protocolVersion: string;
  /** Names, in the order of `tools/list`. */
  readonly tools: readonly string[];
  /** Rows of the sample table, counted through `RunSqlQuery`. */
  readonly rows: number;
  /** HTTP status of the answer to a client without the key. */
  readonly statusWithoutKey: number;
  /** HTTP status of the answer to a client with the key that a foreign web page drives. */
  readonly statusFromForeignOrigin: number;
}

/**
 * Runs the client on this machine, in an environment that is made on the first call and kept; a
 * machine without Python runs it in the proxy's image, whose Python has the same SDK. Throws with
 * what the client wrote to stderr when one of its steps fails.
 */
export async function runPythonClient(args: PythonClientArgs): Promise<PythonClientReport> {
  const python = await pythonWith(fixture('requirements.txt'));
  return python === undefined ? inProxyImage(args) : onThisMachine(python, args);
}

/** @param python an interpreter with the SDK */
export async function onThisMachine(
  python: string,
  { url, key }: PythonClientArgs,
): Promise<PythonClientReport> {
  const { stdout } = await promisify(execFile)(python, [fixture('client.py'), url], {
    env: { PATH: process.env.PATH, MCP_KEY: key },
    timeout: RUN_TIMEOUT_MS,
  });
  return JSON.parse(stdout) as PythonClientReport;
}

/** On the machine's own network, so that a loopback URL means the same as outside. */
export async function inProxyImage({ url, key }: PythonClientArgs): Promise<PythonClientReport> {
  const docker = new Docker();
  const [image] = await docker.listImages({ filters: { label: [IMAGE_LABEL] } });
  if (!image) {
    throw new Error(
      'The Python client needs Python 3.10 with venv (Debian: apt install python3-venv), or an image of the proxy on the Docker engine; there is neither.',
    );
  }
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written = Promise.all([text(stdout), text(stderr)]);
  const source = await readFile(fixture('client.py'), 'utf8');
  const [{ StatusCode }] = (await docker.run(image.Id, ['-c', source, url], [stdout, stderr], {
    Tty: false,
    Entrypoint: [IMAGE_PYTHON],
    Env: [`MCP_KEY=${key}`],
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { NetworkMode: 'host', ReadonlyRootfs: true, AutoRemove: true },
  })) as [{ StatusCode: number }];
  stdout.end();
  stderr.end();
  const [out, problem] = await written;
  if (StatusCode !== 0) throw new Error(`The Python client ended with ${StatusCode}: ${problem}`);
  return JSON.parse(out) as PythonClientReport;
}
