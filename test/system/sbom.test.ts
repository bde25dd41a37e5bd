/** `npm run sbom`: the files, with a stand-in for the tool; and what is in the proxy's image, with the tool itself. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { pack } from 'tar-stream';
import { isOnEngine } from '../../scripts/base-image/pull.ts';
import { CommandError } from '../../scripts/command-error.ts';
import { findProgram } from '../../scripts/process.ts';
import { sbom } from '../../scripts/sbom/sbom.ts';
import { docker, eventually } from '../helpers/stack.ts';

const PROXY = 'lakehouse-mcp/proxy:dev';
const whyNot = async () => {
  if ((await findProgram('syft')) === undefined)
    return 'SKIPPED: syft is not on PATH, so nobody has looked into the proxy’s image (docs/images.md says how to get it)';
  return (await isOnEngine(docker, PROXY)) ? false : `SKIPPED: ${PROXY} is not on the engine`;
};
const noLook = await whyNot();

let project: string;
const path = process.env.PATH ?? '';
before(async () => {
  project = await mkdtemp(join(tmpdir(), 'lakehouse-sbom-test-'));
  await writeFile(join(project, 'Pulumi.yaml'), 'config: {}\n');
});
after(async () => {
  process.env.PATH = path;
  await rm(project, { recursive: true });
});

const know = (stack: string) => mkdir(join(project, '.lakehouse', stack), { recursive: true });
const read = async (name: string) =>
  JSON.parse(await readFile(join(project, 'sbom', `${name}.cdx.json`), 'utf8'));

describe('the list of what is in an image', () => {
  const stack = `test-${randomBytes(3).toString('hex')}`;
  const images = [`lakehouse-mcp/thing:${stack}`, `registry.example:5000/team/other:${stack}`];
  const foreign = `lakehouse-mcp/foreign:${stack}`;
  let tools: string;

  before(async () => {
    tools = join(project, 'tools');
    await mkdir(tools);
    await know(stack);
    for (const name of [...images, foreign]) {
      const archive = pack();
      archive.entry({ name: 'hello' }, name);
      archive.finalize();
      const [repo = '', tag = ''] = name.split(/:(?=[^:]*$)/);
      const title = name === foreign ? 'someone else' : 'lakehouse-mcp test';
      const changes = [`LABEL org.opencontainers.image.title="${title}"`];
      (await docker.importImage(Readable.from(archive), { repo, tag, changes })).resume();
      await eventually(`${name} is there`, () => isOnEngine(docker, name));
    }
  });
  after(async () => {
    for (const name of [...images, foreign]) await docker.getImage(name).remove({ force: true });
  });

  /** A tool that lists the words it was called with and what it found in the archive. */
  async function standIn(last: string) {
    const script = `#!/bin/sh
if [ "$1" = version ]; then echo 'Version:  9.9.9'; exit; fi
for target; do :; done
names=$(tar -tf "\${2#docker-archive:}" | grep -c layer.tar)
${last}
`;
    await writeFile(join(tools, 'syft'), script);
    await chmod(join(tools, 'syft'), 0o755);
    process.env.PATH = `${tools}:${path}`;
  }

  it('S9 is one CycloneDX file for each of our images of the stack, from the engine’s own archive of it', async () => {
    await standIn(
      `printf '{"bomFormat":"CycloneDX","components":[{"name":"%s","layers":%s}],"metadata":"%s"}' "$5" "$names" "$7" > "\${target#cyclonedx-json=}"`,
    );
    await sbom(project, { stack, json: false });
    assert.deepEqual((await readdir(join(project, 'sbom'))).sort(), [
      'other.cdx.json',
      'thing.cdx.json',
    ]);
    const { Id } = await docker.getImage(images[0] ?? '').inspect();
    assert.deepEqual(await read('thing'), {
      bomFormat: 'CycloneDX',
      components: [{ name: 'lakehouse-mcp/thing', layers: 1 }],
      metadata: Id,
    });
  });

  it('is left as it was when the tool fails, with the tool’s own last words', async () => {
    const before = await read('thing');
    await standIn('echo "cannot read this" >&2; exit 3');
    await assert.rejects(sbom(project, { stack, json: false }), (error) => {
      assert.ok(error instanceof CommandError);
      assert.match(error.message, /syft could not read the image lakehouse-mcp\/other \(exit 3\)/);
      assert.deepEqual(error.advice, ['cannot read this']);
      return true;
    });
    await standIn(`echo "no list" > "\${target#cyclonedx-json=}"`);
    await assert.rejects(sbom(project, { stack, json: false }), /syft wrote no CycloneDX file/);
    assert.deepEqual(await read('thing'), before);
    assert.equal((await readdir(join(project, 'sbom'))).length, 2, 'nothing else is left there');
  });

  it('cannot be had without the tool, which is named with the command that installs it', async () => {
    process.env.PATH = '/nowhere';
    await assert.rejects(sbom(project, { stack, json: false }), (error) => {
      assert.ok(error instanceof CommandError);
      assert.match(error.advice.join('\n'), /go install github\.com\/anchore\/syft\/cmd\/syft@v\d/);
      return true;
    });
  });

  it('of a stack without images says how to build them', async () => {
    await standIn('exit 1');
    await know('empty-stack');
    await assert.rejects(
      sbom(project, { stack: 'empty-stack', json: false }),
      /The engine has no image of the stack "empty-stack"/,
    );
  });
});

it('S9 the list of the proxy’s image names what the image is made of', {
  skip: noLook,
}, async () => {
  process.env.PATH = path;
  await know('dev');
  await sbom(project, { stack: 'dev', json: false });
  const { components } = (await read('proxy')) as {
    components: { name: string; version?: string }[];
  };
  const versions = (name: RegExp) =>
    components.filter((one) => name.test(one.name)).map(({ version }) => version);
  const undici = JSON.parse(
    await readFile(new URL('../../node_modules/undici/package.json', import.meta.url), 'utf8'),
  ).version;
  assert.deepEqual(versions(/^iflow-mcp-dremio-dremio-mcp$/), ['0.1.0']);
  assert.match(versions(/^python3\.11/)[0] ?? '', /^3\.11\./);
  assert.ok(versions(/^node$/).includes(process.versions.node), `node ${versions(/^node$/)}`);
  assert.ok(versions(/^undici$/).includes(undici), `undici ${versions(/^undici$/)}`);
  assert.ok(components.length > 100 && components.length < 1000, `${components.length} components`);
});
