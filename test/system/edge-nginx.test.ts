/** docs/examples/nginx.conf, in a real nginx in front of the edge. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectH2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { request } from 'undici';
import { agentFor, edited, openScene, type Replica, type Scene } from '../helpers/edge-scene.ts';
import { CADDY, goProgram } from '../helpers/go-program.ts';
import { eventually, freePort } from '../helpers/stack.ts';

const { path: caddy, skip: noCaddy } = await goProgram(CADDY);
const hasNginx = await promisify(execFile)('nginx', ['-v']).then(
  () => true,
  () => false,
);
const skip = noCaddy || (hasNginx ? false : 'needs nginx on the PATH');
const EXAMPLE = new URL('../../docs/examples/nginx.conf', import.meta.url);

/** Runs the example as it stands, but for ports, names of files and the host. */
async function startNginx(scene: Scene, location: string) {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-nginx-'));
  const port = await freePort();
  const example = edited(await readFile(EXAMPLE, 'utf8'), [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['server_name mcp.example.com', 'server_name mcp.example'],
    ['192.0.2.20:8080', `127.0.0.1:${scene.ports.http}`],
    ['/etc/nginx/tls/mcp.example.com', join(scene.folder, 'tls')],
    ['location = /mcp {', `location = ${location} {`],
  ]);
  await writeFile(join(folder, 'example.conf'), example);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log stderr; events {}
     http { access_log off; ${temporary} include ${folder}/example.conf; }`,
  );
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
  const child = spawn('nginx', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  const url = `https://mcp.example:${port}${location}`;
  await eventually('nginx answers', async () => {
    const ask = await request(url, { method: 'POST', body: '{}', dispatcher: scene.agent });
    await ask.body.dump();
    return ask.statusCode === 200;
  });
  return {
    port,
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

describe('nginx in front of the edge', { skip }, () => {
  for (const pathPrefix of ['', '/lakehouse'])
    it(`passes calls and streams on, one by one, and who made them${pathPrefix && ', below a path prefix'}`, async (t) => {
      const options = { tls: 'none', trustedProxies: ['127.0.0.1/32'], pathPrefix } as const;
      await using scene = await openScene({ caddy, replicas: 1, options });
      const [replica] = scene.replicas as [Replica];
      const nginx = await startNginx(scene, `${pathPrefix}/mcp`);
      t.after(() => nginx.stop());
      const agent = agentFor(scene.certificate);
      t.after(() => agent.destroy());
      const headers = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' };
      const call = await request(nginx.url, {
        method: 'POST',
        body: '{}',
        headers,
        dispatcher: agent,
      });
      assert.equal(call.statusCode, 200);
      await call.body.dump();
      const seen = (await replica.state()).seen.at(-1);
      assert.equal(seen?.url, '/mcp');
      assert.equal(seen?.headers.host, 'mcp.example');
      assert.equal(seen?.headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(seen?.headers['x-forwarded-proto'], 'https');
      assert.equal(seen?.headers['x-forwarded-host'], 'mcp.example');
      assert.equal(seen?.headers.forwarded, undefined);

      const stream = await request(nginx.url, { dispatcher: agent });
      const events = stream.body[Symbol.asyncIterator]();
      await events.next();
      for (const n of [1, 2]) {
        await replica.operate('/emit');
        assert.equal(String((await events.next()).value), `data: event ${n}\n\n`);
      }
      stream.body.on('error', () => {}).destroy();
      await eventually('the proxy hears that the client has gone', async () => {
        return (await replica.state()).streams === 0;
      });

      const client = connectH2(`https://mcp.example:${nginx.port}`, {
        createConnection: () =>
          connectTls({
            port: nginx.port,
            ca: scene.certificate,
            servername: 'mcp.example',
            ALPNProtocols: ['h2'],
          }),
      });
      const over2 = client.request({ ':path': `${pathPrefix}/mcp`, ':method': 'POST' });
      over2.end('{}');
      const [answer] = await once(over2, 'response');
      assert.equal(answer[':status'], 200);
      client.destroy();

      const other = await request(`https://mcp.example:${nginx.port}/metrics`, {
        dispatcher: agent,
      });
      assert.equal(other.statusCode, 404);
      await other.body.dump();
    });
});
