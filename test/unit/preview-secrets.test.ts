import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { secretKeys } from '../../infra/config/keys.ts';
import { openCrypter } from '../../local/crypter.ts';
import { dummies } from '../../scripts/preview/dummy-secrets.ts';
import { Scratch } from '../../scripts/preview/scratch.ts';

describe('the secrets of a preview', () => {
  let project: string;
  let scratch: Scratch;
  before(async () => {
    project = await mkdtemp(join(tmpdir(), 'preview-project-'));
    await writeFile(join(project, 'Pulumi.yaml'), 'name: lakehouse-mcp\nconfig: {}\n');
    scratch = await Scratch.make();
  });
  after(async () => {
    await scratch.remove();
    await rm(project, { recursive: true });
  });

  /** The config that the CLI would read, its secrets opened. */
  async function configOf(stack: string, committed: string, folder: string) {
    await writeFile(join(project, `Pulumi.${stack}.yaml`), committed);
    const file = await scratch.stackConfig(project, stack, folder);
    assert.equal((await stat(file)).mode & 0o077, 0, 'only its owner may read it');
    const { config, encryptionsalt } = parse(await readFile(file, 'utf8'));
    const crypter = await openCrypter(scratch.passphrase, encryptionsalt);
    const open = (value: unknown) =>
      typeof value === 'object' && value !== null && 'secure' in value
        ? { opened: crypter.decrypt(String(value.secure)) }
        : value;
    return Object.fromEntries(
      Object.entries(config as Record<string, unknown>).map(([key, value]) => [key, open(value)]),
    ) as Record<string, unknown>;
  }

  it('have a stand-in each', () => {
    assert.deepEqual(
      [...secretKeys].filter((key) => dummies[key] === undefined),
      [],
    );
  });

  it('are made where the stack needs them, and nowhere else; no engine is named', async () => {
    const demo = await configOf('dev', 'config:\n  lakehouse-mcp:demo: true\n', 'demo');
    assert.deepEqual(Object.keys(demo).sort(), ['docker:host', 'lakehouse-mcp:demo']);
    assert.match(String(demo['docker:host']), /^ssh:\/\/.*\.invalid$/);
    const own = await configOf('own', 'config:\n  lakehouse-mcp:dremioUrl: http://d:9047\n', 'own');
    assert.ok((own['lakehouse-mcp:dremioPassword'] as { opened: string }).opened.length >= 32);
  });

  it('replace those that are sealed in git, the same in every config of a run', async () => {
    const sealed =
      'config:\n  lakehouse-mcp:demo: true\n  lakehouse-mcp:mcpKey:\n    secure: v1:x:y\n';
    const one = await configOf('one', sealed, 'one');
    const two = await configOf('one', sealed, 'two');
    assert.ok((one['lakehouse-mcp:mcpKey'] as { opened: string }).opened.length >= 32);
    assert.deepEqual(one, two);
    assert.ok(
      scratch.secrets().includes((one['lakehouse-mcp:mcpKey'] as { opened: string }).opened),
      'so that the report is searched for it',
    );
  });

  it('bring a certificate along that fits the key and the domain', async () => {
    const files = 'config:\n  lakehouse-mcp:tlsMode: files\n  lakehouse-mcp:domain: mcp.example\n';
    const config = await configOf('tls', files, 'tls');
    const { opened } = config['lakehouse-mcp:tlsKey'] as { opened: string };
    const certificate = new X509Certificate(String(config['lakehouse-mcp:tlsCertificate']));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(opened)));
    assert.equal(certificate.checkHost('mcp.example'), 'mcp.example');
  });

  it('are refused when there is no stand-in for one', async () => {
    await assert.rejects(
      configOf('odd', 'config:\n  lakehouse-mcp:newSecret:\n    secure: v1:x:y\n', 'odd'),
      /no stand-in for the secret lakehouse-mcp:newSecret/,
    );
  });

  it('are gone with their folder', async () => {
    const other = await Scratch.make();
    await other.remove();
    await assert.rejects(readdir(other.folder), { code: 'ENOENT' });
  });
});
