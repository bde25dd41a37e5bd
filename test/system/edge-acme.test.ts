/** Certificates from an ACME server: Pebble, which Let's Encrypt tests clients with. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import { request } from 'undici';
import { agentFor, DOMAIN, openScene } from '../helpers/edge-scene.ts';
import { CADDY, goProgram, PEBBLE } from '../helpers/go-program.ts';
import { startNameServer } from '../helpers/name-server.ts';
import { eventually, freePort } from '../helpers/stack.ts';

const caddy = await goProgram(CADDY);
const pebble = await goProgram(PEBBLE);
const skip = caddy.skip || pebble.skip;

/** One that checks names of this machine at these ports. */
async function startPebble(ports: { https: number; http: number }) {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-pebble-'));
  const caFile = join(folder, 'ca.crt');
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  await writeFile(join(folder, 'key.pem'), key);
  await writeFile(caFile, cert);
  const [port, managementPort] = [await freePort(), await freePort()];
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: caFile,
      privateKey: join(folder, 'key.pem'),
      httpPort: ports.http,
      tlsPort: ports.https,
    },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const names = await startNameServer();
  names.set(DOMAIN, ['127.0.0.1']);
  const args = ['-config', join(folder, 'config.json'), '-dnsserver', names.address];
  const env = { PATH: '/usr/bin:/bin', PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' };
  const child = spawn(pebble.path, args, { env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const root = await eventually('Pebble answers', async () => {
    const url = `https://localhost:${managementPort}/roots/0`;
    return (await request(url, { dispatcher: agentFor(cert) })).body.text();
  });
  return {
    acme: { directory: `https://localhost:${port}/dir`, caFile, email: `ops@${DOMAIN}` },
    /** PEM of the root of what it issues. */
    root,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    remove: async () => {
      child.kill('SIGKILL');
      await ended;
      names.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function serialOf(port: number, ca: string): Promise<string> {
  const socket = connect({ port, ca, servername: DOMAIN });
  await once(socket, 'secureConnect');
  const { serialNumber, subjectaltname } = socket.getPeerCertificate();
  assert.equal(subjectaltname, `DNS:${DOMAIN}`);
  socket.destroy();
  return serialNumber;
}

describe('a certificate from an ACME server', { skip }, () => {
  for (const [way, httpPort, edits] of [
    ['plain HTTP', 80, [['issuer acme {', 'issuer acme {\ndisable_tlsalpn_challenge']]],
    ['TLS alone, without plain HTTP', 0, []],
  ] as const)
    it(`is got over ${way}, served, and kept over a restart without the server`, async () => {
      const ports = { https: await freePort(), http: await freePort() };
      const server = await startPebble(ports);
      const data = await mkdtemp(join(tmpdir(), 'lakehouse-edge-data-'));
      try {
        const options = { tls: 'acme', httpPort, acme: server.acme } as const;
        await using scene = await openScene({ caddy: caddy.path, options, ports, data, edits });
        const serial = await eventually('the certificate is served', () =>
          serialOf(ports.https, server.root),
        );
        const agent = agentFor(server.root);
        const url = `https://${DOMAIN}:${ports.https}/mcp`;
        const answer = await request(url, { method: 'POST', body: '{}', dispatcher: agent });
        assert.equal(answer.statusCode, 200);
        await answer.body.dump();
        await agent.close();
        await server.stop();
        await scene.restart();
        assert.equal(await serialOf(ports.https, server.root), serial);
        const account = `caddy/acme/localhost-${new URL(server.acme.directory).port}-dir`;
        assert.ok(await readFile(join(data, account, 'users', `ops@${DOMAIN}`, 'ops.json')));
      } finally {
        await server.remove();
        await rm(data, { recursive: true });
      }
    });
});
