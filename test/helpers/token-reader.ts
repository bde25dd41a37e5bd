/** A container that reads token files as the proxy may, without a pause, and notes every content. */
import { type ContainerLog, followLog, testName } from './refresher-container.ts';
import { docker } from './stack.ts';

/** A content of a token file; times are epoch ms. */
export interface SeenToken {
  /** When the file got it: the change time, which the renaming over it sets. */
  readonly since: number;
  /** End of the token; 0 where there was no file, or none that can be used. */
  readonly expiresAt: number;
}

export interface TokenReader {
  /** What the file of a volume held, oldest first, from its first token on. */
  seen(volume: string): readonly SeenToken[];
  remove(): Promise<void>;
}

/** Pause between two reads of a file, ms. */
const PERIOD_MS = 50;

/** Reads the file `token.json` of each volume until it is removed; keeps volumes in memory alive. */
export async function startTokenReader(
  image: string,
  volumes: readonly string[],
): Promise<TokenReader> {
  const script = `
    const fs = require('node:fs');
    const before = new Map();
    const look = (volume) => {
      const path = '/tokens/' + volume + '/token.json';
      try {
        const text = fs.readFileSync(path, 'utf8');
        return { since: fs.statSync(path).ctimeMs, expiresAt: Date.parse(JSON.parse(text).expires_at) || 0 };
      } catch {
        return { since: Date.now(), expiresAt: 0 };
      }
    };
    setInterval(() => {
      for (const volume of ${JSON.stringify(volumes)}) {
        const seen = look(volume);
        if (before.get(volume) === seen.expiresAt) continue;
        before.set(volume, seen.expiresAt);
        console.log(JSON.stringify({ event: 'seen', volume, ...seen }));
      }
    }, ${PERIOD_MS});`;
  const container = await docker.createContainer({
    name: `${testName()}-reader`,
    Image: image,
    // The proxy's user: what it cannot read is not there.
    User: '10002:10000',
    Entrypoint: ['node', '-e', script],
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true,
      NetworkMode: 'none',
      Binds: volumes.map((volume) => `${volume}:/tokens/${volume}:ro`),
    },
  });
  const remove = () => container.remove({ force: true });
  let log: ContainerLog;
  try {
    await container.start();
    log = await followLog(container);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    remove,
    seen(volume) {
      const all = log.lines
        .filter((line) => line.volume === volume)
        .map(({ since, expiresAt }) => ({ since: Number(since), expiresAt: Number(expiresAt) }));
      return all.slice(all.findIndex(({ expiresAt }) => expiresAt > 0));
    },
  };
}

/** For how long, between what was seen, the file held no valid token, ms in all. */
export function timeWithoutToken(seen: readonly SeenToken[]): number {
  return seen.reduce((total, { since }, index) => {
    const before = seen[index - 1];
    const over = before ? Math.max(before.since, before.expiresAt) : since;
    return total + Math.max(0, since - over);
  }, 0);
}
