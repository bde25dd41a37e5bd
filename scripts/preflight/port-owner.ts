import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type Docker from 'dockerode';
import { codeOf } from '../command-error.ts';
import { unlessNoManager } from '../stack/swarm.ts';

/** Who listens on a TCP port. */
export type PortOwner =
  | { readonly kind: 'container'; readonly name: string; readonly stack?: string }
  | { readonly kind: 'service'; readonly name: string; readonly stack?: string }
  | { readonly kind: 'process'; readonly pid: number; readonly command: string }
  | { readonly kind: 'unknown' };

/** Whether something else could listen on 127.0.0.1:`port` right now. */
export function isPortFree(port: number, address = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'EADDRINUSE') resolve(false);
      // Ports below 1024 are the engine's to open, not ours.
      else if (code === 'EACCES') resolve(true);
      else reject(error);
    });
    server.listen({ port, host: address, exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}

/** The first free port after `port`, for a hint; looks at a hundred. */
export async function nextFreePort(port: number): Promise<number | undefined> {
  for (let candidate = port + 1; candidate <= Math.min(port + 100, 65_535); candidate += 1)
    if (await isPortFree(candidate)) return candidate;
  return undefined;
}

/** The container that publishes a port on this engine. */
export async function containerOnPort(
  docker: Docker,
  port: number,
): Promise<PortOwner | undefined> {
  const containers = await docker.listContainers();
  const found = containers.find(({ Ports }) => Ports.some(({ PublicPort }) => PublicPort === port));
  if (found === undefined) return undefined;
  const stack = found.Labels['lakehouse.stack'];
  return {
    kind: 'container',
    name: found.Names[0]?.replace(/^\//, '') ?? found.Id.slice(0, 12),
    ...(stack === undefined ? {} : { stack }),
  };
}

/** The Swarm service that publishes a port on every node, whether it has a task here or not. */
export async function serviceOnPort(docker: Docker, port: number): Promise<PortOwner | undefined> {
  const services = await unlessNoManager(docker.listServices());
  const found = services.find(({ Endpoint }) =>
    Endpoint?.Ports?.some(
      ({ PublishedPort, PublishMode }) => PublishedPort === port && PublishMode === 'ingress',
    ),
  );
  if (found === undefined) return undefined;
  const stack = found.Spec?.Labels?.['lakehouse.stack'];
  return {
    kind: 'service',
    name: found.Spec?.Name ?? found.ID,
    ...(stack === undefined ? {} : { stack }),
  };
}

/** The process that listens on a port, read from /proc; `undefined` without /proc or the right to look. */
export function processOnPort(port: number): PortOwner | undefined {
  const inodes = new Set(listeningInodes(socketTables(), port));
  if (inodes.size === 0) return undefined;
  for (const pid of entries('/proc').filter((name) => /^\d+$/.test(name)))
    for (const descriptor of entries(`/proc/${pid}/fd`))
      if (inodes.has(inodeOf(`/proc/${pid}/fd/${descriptor}`)))
        return { kind: 'process', pid: Number(pid), command: textOf(`/proc/${pid}/comm`).trim() };
  return undefined;
}

/** Inodes of the sockets that listen on a port, out of /proc/net/tcp (proc(5)). */
export function listeningInodes(table: string, port: number): string[] {
  return listeners(table, port).map(({ inode }) => inode);
}

/**
 * Whether everything that listens on a port does so on the loopback address alone, out of the text of
 * /proc/net/tcp and /proc/net/tcp6; false when nothing listens. Containers cannot reach such a port.
 */
export function isLoopbackOnly(tables: string, port: number): boolean {
  const found = listeners(tables, port);
  return found.length > 0 && found.every(({ address }) => LOOPBACK.test(address));
}

/** Text of both tables of this machine. */
export const socketTables = () => `${textOf('/proc/net/tcp')}\n${textOf('/proc/net/tcp6')}`;

/** 127.x.x.x, ::1 and ::ffff:127.x.x.x as the kernel prints them: 32-bit words in the machine's byte order. */
const LOOPBACK = /^(.{6}7F|0{24}01000000|0{16}FFFF0000.{6}7F)$/;

function listeners(table: string, port: number): { address: string; inode: string }[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    // sl, local address, remote address, state (0A: LISTEN), …, inode
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
    const [address = '', at] = local.split(':');
    return at === hex && state === '0A' && inode !== undefined ? [{ address, inode }] : [];
  });
}

const inodeOf = (path: string) => {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? '';
  } catch {
    return '';
  }
};
const textOf = (path: string) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const entries = (path: string) => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};
