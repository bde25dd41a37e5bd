/** A refresher's container and a Dremio for it alone, so that many tests of it can run side by side. */
import { type DroppingWay, makeDroppingWay } from './dropped-packets.ts';
import {
  createTokenVolume,
  type RefresherContainer,
  type RefresherOptions,
  startRefresherContainer,
  testName,
} from './refresher-container.ts';
import type { RefresherKit } from './refresher-kit.ts';
import { docker } from './stack.ts';
import { openToolbox, type Toolbox } from './toolbox.ts';
import { startTroubledDremio, type TroubledDremio } from './troubled-dremio.ts';

/** The pause between two ticks that tokens of less than 100 s have, ms. */
export const TICK_MS = 5_000;
/** What a pass of the loop may take with half a CPU, on a machine that is busy with a dozen of them, ms. */
export const SLACK_MS = 2_000;
/** With less than this left, ms, a token in the file does not count as ready: a quarter of a margin of a fifth. */
export const readyFloor = (lifeMs: number) => lifeMs / 20;

/** Resolves at this time, epoch ms. */
export const untilTime = (time: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));

export interface SceneOptions {
  readonly kit: RefresherKit;
  /** Life of Dremio's tokens, ms. */
  readonly lifeMs: number;
  /** Whether packets to Dremio can be dropped. */
  readonly dropping?: boolean;
}

export interface Scene {
  readonly dremio: TroubledDremio;
  /** Opens a hand on the token volume, or returns the open one. */
  toolbox(): Promise<Toolbox>;
  /** The way to Dremio, where packets can be dropped on it. */
  readonly way: DroppingWay | undefined;
  /** Starts a refresher on the scene's token volume. */
  start(options?: Partial<RefresherOptions>): Promise<RefresherContainer>;
}

/** Sets the scene, plays, and takes everything away again. */
export async function playScene(
  { kit: { image, secrets }, lifeMs, dropping = false }: SceneOptions,
  play: (scene: Scene) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const dremio = await startTroubledDremio(lifeMs);
  stack.defer(() => dremio.close());
  const way = dropping ? await makeDroppingWay(testName(), image, dremio.port) : undefined;
  stack.defer(async () => way?.remove());
  const tokenVolume = `${testName()}-token`;
  await createTokenVolume(tokenVolume);
  stack.defer(() => docker.getVolume(tokenVolume).remove());
  let toolbox: Promise<Toolbox> | undefined;
  const open = async () => {
    const opened = await openToolbox(image, tokenVolume);
    stack.defer(() => opened.remove());
    return opened;
  };
  await play({
    dremio,
    toolbox() {
      toolbox ??= open();
      return toolbox;
    },
    way,
    async start(options = {}) {
      const refresher = await startRefresherContainer({
        image,
        secrets,
        dremioUrl: way?.url ?? dremio.urlForContainers,
        tokenVolume,
        ...(way === undefined ? {} : { network: way.network }),
        ...options,
      });
      stack.defer(() => refresher.remove());
      await way?.pass(refresher.container);
      return refresher;
    },
  });
}
