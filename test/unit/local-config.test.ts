import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadConfig } from '../../local/config.ts';
import { encryptSecret, newEncryptionSalt } from '../../local/crypter.ts';
import type { DeclaredKey, Project } from '../../local/project.ts';

let folder: string;
let salt: string;
const passphrase = 'correct horse';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-config-'));
  salt = await newEncryptionSalt(passphrase);
});
after(() => rm(folder, { recursive: true }));

function project(...declared: DeclaredKey[]): Project {
  return { name: 'shop', programDir: folder, entry: join(folder, 'index.ts'), declared };
}

async function read(yaml: string, of = project()) {
  const file = join(folder, 'Pulumi.dev.yaml');
  await writeFile(file, yaml);
  return loadConfig(of, 'dev', file, passphrase);
}

test('values keep the spelling they have in the file, and nested ones become JSON', async () => {
  const { values, secretKeys } = await read(`
config:
  shop:port: 8080
  ratio: 1.10
  agreed: yes
  quoted: "0644"
  nothing:
  list: [1, two, true]
  nested: { a: { b: 3 } }
  other:key: elsewhere
`);
  assert.deepEqual(values, {
    'shop:port': '8080',
    'shop:ratio': '1.10',
    'shop:agreed': 'yes',
    'shop:quoted': '0644',
    'shop:nothing': '',
    'shop:list': '[1,"two",true]',
    'shop:nested': '{"a":{"b":3}}',
    'other:key': 'elsewhere',
  });
  assert.deepEqual(secretKeys, []);
});

test('secure values are decrypted in any depth and make their key secret', async () => {
  const sealed = await encryptSecret('hush', passphrase, salt);
  const { values, secretKeys, encryptionSalt } = await read(`
encryptionsalt: ${salt}
config:
  shop:password:
    secure: ${sealed}
  shop:users:
    - name: ann
      key: { secure: "${sealed}" }
  shop:plain: text
`);
  assert.equal(values['shop:password'], 'hush');
  assert.equal(values['shop:users'], '[{"name":"ann","key":"hush"}]');
  assert.deepEqual(secretKeys, ['shop:password', 'shop:users']);
  assert.equal(encryptionSalt, salt);
});

test('a secure value that cannot be opened is refused by its name', async () => {
  const sealed = await encryptSecret('hush', 'another', await newEncryptionSalt('another'));
  const secure = `config:\n  password:\n    secure: ${sealed}\n`;
  await assert.rejects(read(secure), /"shop:password" is encrypted, but .* has no encryptionsalt/);
  await assert.rejects(
    read(`encryptionsalt: ${salt}\n${secure}`),
    /"shop:password" in .* cannot be decrypted/,
  );
});

test('a file of a secrets provider other than passphrases is refused', async () => {
  await assert.rejects(read('secretsprovider: awskms://key\n'), /"secretsprovider"/);
});

test('a file that does not exist counts as empty', async () => {
  const config = await loadConfig(project(), 'dev', join(folder, 'absent.yaml'), passphrase);
  assert.deepEqual(config, { values: {}, secretKeys: [] });
});

test('declared defaults apply where the stack says nothing', async () => {
  const declared = project(
    { key: 'shop:port', type: 'integer', default: 8470, secret: false },
    { key: 'shop:demo', type: 'boolean', default: false, secret: false },
    { key: 'shop:empty', type: 'string', default: '', secret: false },
  );
  const { values } = await read('config:\n  demo: true\n', declared);
  assert.deepEqual(values, { 'shop:demo': 'true', 'shop:port': '8470', 'shop:empty': '' });
});

test('everything missing or of the wrong type is said in one error', async () => {
  const declared = project(
    { key: 'shop:a', type: 'string', secret: false },
    { key: 'shop:b', type: 'integer', secret: false },
    { key: 'shop:port', type: 'integer', default: 1, secret: false },
    { key: 'shop:list', type: 'array', default: [], secret: false },
    { key: 'shop:password', secret: true, default: 'x' },
  );
  await assert.rejects(
    read('config:\n  port: high\n  list: { a: 1 }\n  password: clear\n', declared),
    (error: Error) => {
      assert.match(error.message, /Stack 'dev' is missing configuration values 'a', 'b'/);
      assert.match(error.message, /"shop:port" must be of type integer/);
      assert.match(error.message, /"shop:list" must be of type array/);
      assert.match(error.message, /"shop:password" must be encrypted, as it's secret/);
      return true;
    },
  );
});

test('the same key with and without its namespace is refused', async () => {
  await assert.rejects(
    read('config:\n  port: 1\n  shop:port: 2\n'),
    /sets the config key .* twice/,
  );
});

test('broken YAML is refused with the file and the place', async () => {
  await assert.rejects(read('config: [1,\n'), /Pulumi\.dev\.yaml is not valid YAML: .*line/s);
});
