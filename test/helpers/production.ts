/**
 * A production stack of a test's own on this machine's one-node Swarm: base images in a registry of the test, the
 * demo as a Dremio outside, TLS by an authority of the stack.
 */
import { randomBytes } from 'node:crypto';
import type { EngineKind } from '../../scripts/engine/deployment.ts';
import { stackFiles } from '../../scripts/stack/stack-files.ts';
import { baseImageOnEngine } from './base-image.ts';
import { buildCaddyImages } from './caddy-image.ts';
import { Witness } from './canary/witness.ts';
import { CADDY, goProgram } from './go-program.ts';
import { lakehouse, lakehouseOk, repository } from './lakehouse-command.ts';
import { noRegistry, TestRegistry } from './registry.ts';
import { docker, freePort, removeImages } from './stack.ts';
import { labelNode, noSwarm } from './swarm.ts';
import { startTroubledDremio, type TroubledDremio } from './troubled-dremio.ts';

/** The engine wants a login where none is needed, too. */
const NO_LOGIN = { username: '', password: '', serveraddress: '' };

export const DOMAIN = 'mcp.lakes.test';

/** Who logs in to its Dremio, with the password that it has at first: found nowhere by chance, and hard to quote. */
export const ANALYST = {
  userName: 'analyst',
  password: `${randomBytes(18).toString('base64')}"\\&%<'$${randomBytes(18).toString('base64')}`,
} as const;
/** As of Dremio's own tokens. */
const TOKEN_LIFE_MS = 30 * 3_600_000;

/** Why tests of production are skipped, for `skip`; `false` when they are not. */
export async function noProduction(): Promise<string | false> {
  if (noRegistry) return noRegistry;
  return (await noSwarm()) || (await goProgram(CADDY)).skip;
}

export interface ProductionStack extends AsyncDisposable {
  readonly name: string;
  /** What it was deployed with, by setting. */
  readonly settings: Readonly<Record<string, string>>;
  readonly httpsPort: number;
  readonly httpPort: number;
  /** `https://…/mcp`, whose host only this machine's test knows the address of. */
  readonly url: string;
  readonly ca: string;
  /** In this process, so that a test can trouble it; its tokens live 30 h. */
  readonly dremio: TroubledDremio;
  /** Has seen all that was done with it. */
  readonly witness: Witness;
  key(): Promise<string>;
  /** `up` again, with more arguments. */
  up(args?: readonly string[], input?: string): ReturnType<typeof lakehouse>;
  /** Any command on this stack. */
  run(args: readonly string[], input?: string): ReturnType<typeof lakehouse>;
}

/** Tags an image of the engine for a registry and pushes it. @returns its reference by digest */
async function push(registry: TestRegistry, local: string, repository: string): Promise<string> {
  const name = `${registry.address}/${repository}`;
  const source = docker.getImage(local);
  await source.tag({ repo: name, tag: 'test' });
  const image = docker.getImage(`${name}:test`);
  const stream = await image.push({ authconfig: NO_LOGIN });
  const digest = await new Promise<string>((resolve, reject) => {
    let found = '';
    docker.modem.followProgress(
      stream,
      (error) => (error ? reject(error) : resolve(found)),
      (progress: { aux?: { Digest?: string } }) => {
        found = progress.aux?.Digest ?? found;
      },
    );
  });
  await image.remove();
  return `${name}@${digest}`;
}

/** Deploys it, by the runner as a trial or by the Pulumi CLI; everything is taken away when it is disposed of. */
export async function deployProduction(
  settings: Readonly<Record<string, string>> = {},
  engine: EngineKind = 'local',
): Promise<ProductionStack> {
  const name = `t-${randomBytes(3).toString('hex')}`;
  await using made = new AsyncDisposableStack();
  await labelNode();
  const registry = await TestRegistry.start();
  made.defer(() => registry.stop());
  const dremio = await startTroubledDremio(TOKEN_LIFE_MS, { data: true, user: ANALYST });
  made.defer(() => dremio.close());
  await dremio.demo.warm();
  const witness = made.use(new Witness(stackFiles(repository, name)));
  witness.watch(dremio.demo);
  const base = await baseImageOnEngine(docker);
  if (base === undefined) throw new Error('no base image on this engine; run "npm run up" first');
  const { path: caddy } = await goProgram(CADDY);
  const caddyTag = `lakehouse-test-production:${name}`;
  await buildCaddyImages(caddy, base, caddyTag);
  for (const kind of ['debian', 'busybox'])
    made.defer(() => docker.getImage(`${caddyTag}-${kind}`).remove({ force: true }));
  const [httpsPort, httpPort] = [await freePort(), await freePort()];
  const config: Readonly<Record<string, string>> = {
    platform: 'swarm',
    demo: 'false',
    domain: DOMAIN,
    dremioUrl: `http://localhost:${dremio.port}`,
    dremioInternal: 'true',
    dremioUsername: ANALYST.userName,
    tlsMode: 'internal',
    httpsPort: String(httpsPort),
    httpPort: String(httpPort),
    nodeImage: await push(registry, base, 'node'),
    caddyImage: await push(registry, `${caddyTag}-busybox`, 'caddy'),
    ...settings,
  };
  const run = (args: readonly string[], input = '') => {
    const [command = '', ...rest] = args;
    const words = [command, '--stack', name, ...rest];
    return witness.during(args, () => lakehouse(words, { input }));
  };
  const trial = engine === 'local' ? ['--trial'] : [];
  const up = (args: readonly string[] = [], input = '') =>
    run(['up', '--engine', engine, ...trial, ...args], input);
  made.defer(async () => {
    const down = await run(['down', '--delete-data', '--yes']);
    if (down.code !== 0) throw new Error(`down ended with ${down.code}:\n${down.stderr}`);
    await removeImages(name);
  });
  const set = Object.entries(config).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const first = await up([...set, '--set-secret', 'dremioPassword'], `${ANALYST.password}\n`);
  if (first.code !== 0)
    throw new Error(`up ended with ${first.code}:\n${first.stdout}\n${first.stderr}`);
  const output = async (key: string) => {
    const { stdout } = await lakehouseOk([
      'output',
      '--stack',
      name,
      key,
      '--show-secrets',
      '--json',
    ]);
    return JSON.parse(stdout) as unknown;
  };
  const everything = made.move();
  return {
    name,
    settings: config,
    httpsPort,
    httpPort,
    url: String(await output('mcpUrl')),
    ca: String(await output('caCertificate')),
    dremio,
    witness,
    key: async () => ((await output('mcpKeys')) as { default: string }).default,
    up,
    run,
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  };
}
