/** The bridges that others use for this, in exact versions, installed into a temporary folder. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Contender, ECHO_CHILD } from './contender.ts';

const PACKAGES = { supergateway: '4.0.0', 'mcp-proxy': '6.7.19' } as const;
const VERSIONS = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
const FOLDER = join(tmpdir(), `lakehouse-bench-${VERSIONS.join('-')}`);

/** The file that the package's command of its own name runs. */
function program(name: keyof typeof PACKAGES): string {
  const folder = join(FOLDER, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  return join(folder, typeof bin === 'string' ? bin : (bin[name] ?? ''));
}

/** Installs the peers unless they are there. */
export async function peers(): Promise<Contender[]> {
  const wanted = Object.keys(PACKAGES).map((name) => join(FOLDER, 'node_modules', name));
  if (!wanted.every(existsSync)) {
    await mkdir(FOLDER, { recursive: true });
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefix', FOLDER];
    await promisify(execFile)('npm', ['install', ...options, ...VERSIONS], { cwd: FOLDER });
  }
  const supergateway = program('supergateway');
  const proxy = program('mcp-proxy');
  const stdio = `"${process.execPath}" "${ECHO_CHILD}"`;
  const viaSupergateway = (port: number, ...more: string[]) => [
    ...[supergateway, '--stdio', stdio, '--outputTransport', 'streamableHttp'],
    ...['--port', String(port), '--logLevel', 'none', ...more],
  ];
  const viaProxy = (port: number, ...more: string[]) => [
    ...[proxy, '--host', '127.0.0.1', '--port', String(port), '--server', 'stream', ...more],
    ...['--', process.execPath, ECHO_CHILD],
  ];
  return [
    {
      name: 'supergateway stateful',
      program: 'supergateway',
      sessions: true,
      childPerSession: true,
      command: (port) => viaSupergateway(port, '--stateful'),
    },
    {
      name: 'supergateway stateless',
      program: 'supergateway',
      sessions: false,
      command: (port) => viaSupergateway(port, '--protocolVersion', '2025-11-25'),
    },
    {
      name: 'mcp-proxy stateful',
      program: 'mcp-proxy',
      sessions: true,
      command: (port) => viaProxy(port),
    },
    {
      name: 'mcp-proxy lean',
      program: 'mcp-proxy',
      sessions: true,
      command: (port) => viaProxy(port, '--no-eventStore', '--no-modern'),
    },
    {
      name: 'mcp-proxy stateless',
      program: 'mcp-proxy',
      sessions: false,
      command: (port) => viaProxy(port, '--stateless'),
    },
  ];
}
