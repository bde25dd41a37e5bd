import type { ResourceType } from '../resource-type.ts';
import { container } from './container.ts';
import { image } from './image.ts';
import { network } from './network.ts';
import { randomBytesType, randomId, randomPassword } from './random.ts';
import { remoteImage } from './remote-image.ts';
import { secret } from './secret.ts';
import { service } from './service.ts';
import { certRequest } from './tls-cert-request.ts';
import { locallySignedCert } from './tls-locally-signed-cert.ts';
import { privateKey } from './tls-private-key.ts';
import { selfSignedCert } from './tls-self-signed-cert.ts';
import { volume } from './volume.ts';

/** Every kind of resource the runner can make, by type token. */
export const resourceTypes: Readonly<Record<string, ResourceType>> = {
  'docker:index/container:Container': container,
  'docker:index/image:Image': image,
  'docker:index/network:Network': network,
  'docker:index/remoteImage:RemoteImage': remoteImage,
  'docker:index/secret:Secret': secret,
  'docker:index/service:Service': service,
  'docker:index/volume:Volume': volume,
  'random:index/randomBytes:RandomBytes': randomBytesType,
  'random:index/randomId:RandomId': randomId,
  'random:index/randomPassword:RandomPassword': randomPassword,
  'tls:index/certRequest:CertRequest': certRequest,
  'tls:index/locallySignedCert:LocallySignedCert': locallySignedCert,
  'tls:index/privateKey:PrivateKey': privateKey,
  'tls:index/selfSignedCert:SelfSignedCert': selfSignedCert,
};
