import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Config } from './config.ts';
import { buildImage, imageBase } from './images.ts';
import { type Handle, type Network, nodeProbe, type Platform } from './platform/platform.ts';

export interface DemoDremioArgs {
  readonly config: Config;
  readonly platform: Platform;
  readonly networks: readonly Network[];
  /** Life of the login tokens it gives out, in seconds. */
  readonly tokenLifeSeconds: number;
}

/** The demo Dremio: a stand-in with sample data, so that the stack works with nothing else. */
export class DemoDremio extends pulumi.ComponentResource {
  /** URL on the internal network. */
  readonly url = 'http://demo:8080';
  readonly username = 'demo';
  readonly password: pulumi.Output<string>;
  readonly service: Handle;

  constructor(name: string, args: DemoDremioArgs, options?: pulumi.ComponentResourceOptions) {
    super('lakehouse:index:DemoDremio', name, {}, options);
    const { config, platform } = args;
    this.password = new random.RandomPassword(
      `${name}-password`,
      { length: 32, special: false, minNumeric: 1, minLower: 1 },
      { parent: this },
    ).result;
    this.service = platform.service(
      {
        component: name,
        image: buildImage('demo-dremio', config, this, {
          NODE_IMAGE: imageBase(config.nodeImage),
        }),
        user: { uid: 10003, gid: 10000 },
        instances: 1,
        probe: nodeProbe,
        environment: {
          DEMO_USERNAME: this.username,
          DEMO_PASSWORD_FILE: '/run/secrets/dremio-password',
          DEMO_TOKEN_LIFE: String(args.tokenLifeSeconds),
          LOG_LEVEL: config.logLevel,
        },
        secrets: { 'dremio-password': this.password },
        liveSecrets: {},
        mounts: [],
        networks: args.networks,
        ports: [],
        memoryMiB: 512,
        cpus: 1,
        descriptors: 4096,
        temporaryMiB: 64,
        stopGraceSeconds: 10,
        startSeconds: 120,
        reachesHost: false,
        after: [],
      },
      this,
    );
    this.registerOutputs({});
  }
}
