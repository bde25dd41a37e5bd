/**
 * A way to a port of this machine on which packets can be dropped without a word, made of the engine's own means: it
 * drops what goes from one of its networks to a container on another. No privilege is needed, and nothing on the
 * machine is changed.
 */
import type Docker from 'dockerode';
import { docker } from './stack.ts';

export interface DroppingWay {
  /** Address of the way's far end, for a container on `network`. */
  readonly url: string;
  /** Where the container that uses the way is to be started. */
  readonly network: string;
  /** From now on packets of this container pass, until `drop`. */
  pass(container: Docker.Container): Promise<void>;
  drop(container: Docker.Container): Promise<void>;
  /** Call it once the container is gone. */
  remove(): Promise<void>;
}

/**
 * @param name of the way's networks and container
 * @param image any with Node in it
 * @param port of this machine that the way leads to
 */
export async function makeDroppingWay(
  name: string,
  image: string,
  port: number,
): Promise<DroppingWay> {
  // The published ports and the default route of a container are on the network whose name sorts first.
  const [near, far] = [`${name}-1`, `${name}-2`];
  const script = `
    const net = require('node:net');
    net.createServer((socket) => {
      const onward = net.connect(${port}, 'host.docker.internal');
      for (const end of [socket, onward]) end.on('error', () => {});
      socket.on('close', () => onward.destroy());
      onward.on('close', () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    }).listen(8080);`;
  const remove = async () => {
    const gone = (task: Promise<unknown>) => task.catch(() => undefined);
    await gone(docker.getContainer(name).remove({ force: true }));
    for (const network of [near, far]) await gone(docker.getNetwork(network).remove());
  };
  try {
    for (const network of [near, far])
      await docker.createNetwork({ Name: network, Driver: 'bridge', CheckDuplicate: true });
    const relay = await docker.createContainer({
      name,
      Image: image,
      Entrypoint: ['node', '-e', script],
      Healthcheck: { Test: ['NONE'] },
      HostConfig: {
        NetworkMode: far,
        Init: true,
        ExtraHosts: ['host.docker.internal:host-gateway'],
      },
    });
    await relay.start();
    const { NetworkSettings } = await relay.inspect();
    const address = NetworkSettings.Networks[far]?.IPAddress;
    return {
      url: `http://${address}:8080`,
      network: near,
      pass: ({ id }) => docker.getNetwork(far).connect({ Container: id }),
      drop: ({ id }) => docker.getNetwork(far).disconnect({ Container: id, Force: true }),
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
