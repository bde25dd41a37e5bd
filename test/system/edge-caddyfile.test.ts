/** Caddy itself takes every form of the Caddyfile. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { generate } from 'selfsigned';
import { caddyfile, type EdgeOptions } from '../../infra/edge/caddyfile.ts';
import { DOMAIN, edited, OPTIONS } from '../helpers/edge-scene.ts';
import { CADDY, goProgram } from '../helpers/go-program.ts';

const { path: caddy, skip } = await goProgram(CADDY);
const run = promisify(execFile);

const acme = {
  email: `ops@${DOMAIN}`,
  directory: 'https://ca.example/dir',
  caFile: '/run/secrets/tls.crt',
};
const FORMS: Record<string, Partial<EdgeOptions>> = {
  'a certificate from a file': {},
  'an address for a domain': { domain: '203.0.113.9' },
  'Let’s Encrypt': { tls: 'acme' },
  'a private ACME server': { tls: 'acme', acme },
  'ACME without plain HTTP': { tls: 'acme', httpPort: 0 },
  'TLS that ends elsewhere': { tls: 'none', trustedProxies: ['10.0.0.0/8', 'fd00::/8'] },
  'a path prefix': { pathPrefix: '/data/lakehouse', httpsPort: 8443 },
  'no plain HTTP': { httpPort: 0, logLevel: 'debug' },
};

describe('Caddy reads what caddyfile() writes', { skip }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakehouse-caddyfile-'));
    const { private: key, cert } = await generate([{ name: 'commonName', value: DOMAIN }], {
      keyType: 'ec',
    });
    await writeFile(join(folder, 'tls.key'), key);
    await writeFile(join(folder, 'tls.crt'), cert);
  });
  after(() => rm(folder, { recursive: true }));

  for (const [form, options] of Object.entries(FORMS))
    it(form, async () => {
      const file = join(folder, 'Caddyfile');
      const text = caddyfile({ ...OPTIONS, ...options });
      const files = text.includes('/run/secrets/')
        ? ([['/run/secrets/', `${folder}/`]] as const)
        : [];
      await writeFile(file, edited(text, files));
      const env = { PATH: '/usr/bin:/bin', XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
      const args = ['--config', file, '--adapter', 'caddyfile'];
      const { stderr } = await run(caddy, ['validate', ...args], { env });
      // Caddy warns of what it ignores or does not mean to keep.
      const warnings = stderr.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
      assert.deepEqual(warnings, []);
      const { stdout } = await run(caddy, ['adapt', ...args], { env });
      assert.ok(JSON.parse(stdout).apps.http);
    });
});
