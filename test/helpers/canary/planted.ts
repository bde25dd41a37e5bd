/** A stack that leaks: on each surface something that no other plant is found by, to prove the search. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBuildContext } from '../../../local/resources/build-context.ts';
import { buildImage } from '../../../local/resources/image-build.ts';
import { docker, eventually, logsOf } from '../stack.ts';
import { REQUESTS_TO_DREMIO } from './allowed.ts';
import { ask, sampleOf } from './answers.ts';
import { PIECE } from './detector.ts';
import type { Scope } from './scope.ts';
import { type Surface, surfaces } from './search.ts';
import { type Secret, secret } from './secret.ts';
import type { Witness } from './witness.ts';

export interface Planted extends AsyncDisposable {
  readonly secrets: readonly Secret[];
  readonly scope: Scope;
}

/** Name of the secret that only one surface gives away. */
export const plantedIn = (surface: Surface) => `secret planted in ${surface}`;

/** What a careless service does, each time with another value. */
const CARELESS = `
echo "connected as admin:$IN_LOGS"
echo "{\\"audit\\":true,\\"event\\":\\"login\\",\\"url\\":\\"$IN_AUDIT\\"}"
mkdir -p /var/cache
echo "$IN_FILESYSTEMS" > /var/cache/answer
echo "$IN_CRASHES" > /core.42
echo planted
while sleep 1; do :; done`;

/**
 * @param base an image with sh, find, cat, sleep and mkdir that has the labels of ours
 * @param dremio a stand-in whose requests `witness` notes
 */
export async function plantLeaks(base: string, dremio: string, witness: Witness): Promise<Planted> {
  await using made = new AsyncDisposableStack();
  const values = Object.fromEntries(
    surfaces.map((surface) => [surface, randomBytes(30).toString('base64url')]),
  ) as Record<Surface, string>;
  const stack = `t-${randomBytes(3).toString('hex')}-leaky`;
  const since = new Date();

  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-leaky-'));
  made.defer(() => rm(folder, { recursive: true }));
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  const state = { resources: [{ outputs: { result: values.commands } }] };
  await write(`.lakehouse/${stack}/state.json`, JSON.stringify(state));
  await write('checkout/package.json', '{ "name": "leaky", "version": "1.0.0" }');
  await write('checkout/notes.txt', `the password is ${values.packages}`);
  await write('home/.bash_history', `grep ${values.machine.slice(9, 9 + PIECE)} .`);
  await write('image/Dockerfile', `FROM ${base}\nUSER 0:0\nCOPY credentials /srv/credentials\n`);
  await write('image/credentials', Buffer.from(values.images).toString('hex'));

  const image = `lakehouse-mcp/leaky:${stack}`;
  const dockerfile = join(folder, 'image/Dockerfile');
  const context = await readBuildContext(join(folder, 'image'), dockerfile);
  await buildImage(docker, image, { builderVersion: 'BuilderV1' }, context, () => {});
  made.defer(() => docker.getImage(image).remove({ force: true }));
  const container = await docker.createContainer({
    name: `lakehouse-${stack}-leaky`,
    Image: image,
    Entrypoint: ['sh', '-c', CARELESS, 'leaky', values.processes],
    Env: [
      `IN_LOGS=${Buffer.from(`x${values.logs}`).toString('base64')}`,
      `IN_AUDIT=https://example.test/?key=${encodeURIComponent(`/${values.audit}`)}`,
      `IN_FILESYSTEMS=${Buffer.from(values.filesystems).toString('base64url')}`,
      `IN_CRASHES=${values.crashes.slice(0, PIECE)}`,
    ],
    Labels: {
      'lakehouse.stack': stack,
      'lakehouse.component': 'leaky',
      'lakehouse.note': values.engine,
    },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { NetworkMode: 'none' },
  });
  made.defer(() => container.remove({ force: true }));
  await container.start();
  await eventually('the careless service has done it', async () =>
    (await logsOf(container.id)).includes('planted'),
  );

  const server = createServer((_, response) => {
    response.writeHead(404, { 'x-debug': values.answers }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  made.defer(async () => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const passedOn = { headers: { authorization: `Bearer ${values.requests}` } };
  await (await fetch(`${dremio}/api/v3/catalog`, passedOn)).body?.cancel();

  const everything = made.move();
  return {
    secrets: surfaces.map((surface) => secret(plantedIn(surface), values[surface])),
    scope: {
      stack,
      since,
      stackFolder: join(folder, '.lakehouse', stack),
      checkout: join(folder, 'checkout'),
      home: join(folder, 'home'),
      temporary: join(folder, 'temporary'),
      said: [],
      processes: [],
      answers: [sampleOf(await ask({ what: 'a call', url: `http://127.0.0.1:${port}/` }))],
      async *requests() {
        yield { surface: 'requests', where: REQUESTS_TO_DREMIO, content: witness.requests };
      },
    },
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  };
}
