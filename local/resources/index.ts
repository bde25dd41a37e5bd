import type { ResourceType } from '../resource-type.ts';
import { container } from './container.ts';
import { image } from './image.ts';
import { network } from './network.ts';
import { randomBytesType, randomId, randomPassword } from './random.ts';
import { remoteImage } from './remote-image.ts';
import { volume } from './volume.ts';

/** Every kind of resource the runner can make, by type token. */
export const resourceTypes: Readonly<Record<string, ResourceType>> = {
  'docker:index/container:Container': container,
  'docker:index/image:Image': image,
  'docker:index/network:Network': network,
  'docker:index/remoteImage:RemoteImage': remoteImage,
  'docker:index/volume:Volume': volume,
  'random:index/randomBytes:RandomBytes': randomBytesType,
  'random:index/randomId:RandomId': randomId,
  'random:index/randomPassword:RandomPassword': randomPassword,
};
