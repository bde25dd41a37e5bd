/** A registry of a test's own on loopback: Debian's docker-registry, the reference implementation. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Content, imageFor, indexOf } from './image-content.ts';
import { eventually, freePort } from './stack.ts';

/** Why tests with a registry are skipped, for `skip`; `false` when they are not. */
export const noRegistry =
  spawnSync('docker-registry', ['--version']).error === undefined
    ? false
    : 'SKIPPED: docker-registry (Debian’s package of that name) is not installed';

export class TestRegistry {
  /** `host:port` */
  readonly address: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(address: string, process: ChildProcess, folder: string) {
    this.address = address;
    this.#process = process;
    this.#folder = folder;
  }

  /**
   * @param settings more of its configuration, such as `auth`
   * @param files texts by name, which settings may refer to as `FOLDER/<name>`
   */
  static async start(
    settings: Record<string, unknown> = {},
    files: Readonly<Record<string, string>> = {},
  ): Promise<TestRegistry> {
    const folder = await mkdtemp(join(tmpdir(), 'lakehouse-registry-'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const address = `127.0.0.1:${await freePort()}`;
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(folder, 'storage') } },
      http: { addr: address },
      ...settings,
    };
    const file = join(folder, 'registry.yml');
    await writeFile(file, stringify(config).replaceAll('FOLDER', folder));
    const process = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
    const registry = new TestRegistry(address, process, folder);
    const answers = async () => (await fetch(`http://${address}/v2/`)).status < 500;
    await eventually('the registry answers', answers).catch(async (error) => {
      await registry.stop();
      throw error;
    });
    return registry;
  }

  /** Puts an image under a tag: an index where there are several platforms. @returns its digest */
  async put(
    reference: { repository: string; tag: string },
    platforms: readonly string[],
    author = 'test',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { repository, tag } = reference;
    const images = Object.fromEntries(platforms.map((one) => [one, imageFor(one, author)]));
    const all = Object.values(images);
    for (const { config } of all) await this.#upload(repository, config, headers);
    const [only] = all;
    if (all.length === 1 && only !== undefined)
      return this.#manifest(repository, tag, only.manifest, headers);
    for (const { manifest } of all)
      await this.#manifest(repository, manifest.digest, manifest, headers);
    return this.#manifest(repository, tag, indexOf(images), headers);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill();
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #upload(repository: string, blob: Content, headers: Readonly<Record<string, string>>) {
    const url = `http://${this.address}/v2/${repository}/blobs/uploads/`;
    const started = await fetch(url, { method: 'POST', headers });
    const target = new URL(started.headers.get('location') ?? '', url);
    target.searchParams.set('digest', blob.digest);
    const type = { 'content-type': 'application/octet-stream' };
    await expect(201, target, { method: 'PUT', headers: { ...headers, ...type }, body: blob.body });
  }

  async #manifest(
    repository: string,
    name: string,
    { mediaType, body, digest }: Content,
    headers: Readonly<Record<string, string>>,
  ) {
    const url = new URL(`http://${this.address}/v2/${repository}/manifests/${name}`);
    const type = { 'content-type': mediaType };
    await expect(201, url, { method: 'PUT', headers: { ...headers, ...type }, body });
    return digest;
  }
}

async function expect(
  status: number,
  url: URL,
  options: { method: string; headers: Record<string, string>; body: Buffer },
): Promise<void> {
  const answer = await fetch(url, { ...options, body: new Uint8Array(options.body) });
  const text = await answer.text();
  if (answer.status !== status)
    throw new Error(`${options.method} ${url}: ${answer.status} ${text}`);
}
