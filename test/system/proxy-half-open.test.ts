/** Clients whose machine is gone without a word: no end, no reset, no answer to anything. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { it, type TestContext } from 'node:test';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { callTool, FAKE_CHILD, KEY, openSession, textOf } from '../fixtures/proxy/harness.ts';
import { docker, eventually, execNode, logsOf, metricsOf } from '../helpers/stack.ts';

const IMAGE = 'lakehouse-mcp/proxy:dev';
const PROXY = { uid: 10002, gid: 10000 };
/** What a stack sets for the proxy: six repetitions of unanswered data, which are over after about 25 s. */
const SYSCTLS = { 'net.ipv4.tcp_retries2': process.env.TCP_RETRIES2 ?? '6' };
const PROMISED_MS = 45_000;
/** What a busy machine may add. */
const LATE_MS = 10_000;

/** Runs in the client's container: four ways to hold a connection. Tells the ports once each has been served. */
const CLIENT = `
  const { connect } = require('node:net');
  const [host, session, key] = process.argv.slice(1);
  const head = (method, length) => method + ' /mcp HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer ' + key +
    '\\r\\nMcp-Session-Id: ' + session + '\\r\\nContent-Type: application/json\\r\\nAccept: application/json, text/event-stream' +
    (length ? '\\r\\nContent-Length: ' + length : '') + '\\r\\n\\r\\n';
  const post = (method, params) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    return head('POST', body.length) + body;
  };
  const tool = (name, given, _meta) => post('tools/call', { name, arguments: given, _meta });
  const ways = {
    idle: [post('ping', {}), '"result"'],
    listening: [head('GET'), ': '],
    waiting: [tool('wait', {}, { progressToken: 1 }), 'notifications/progress'],
    deaf: [tool('big', { bytes: 2 ** 24 }), 'HTTP/1.1 200'],
  };
  const ports = {};
  for (const [way, [request, served]] of Object.entries(ways)) {
    const socket = connect(8080, host, () => socket.write(request));
    let text = '';
    socket.on('data', (piece) => {
      text = (text + piece).slice(0, 1000);
      if (!text.includes(served) || ports[way]) return;
      ports[way] = socket.localPort;
      if (way === 'deaf') socket.pause();
      if (Object.keys(ports).length === 4) console.log(JSON.stringify(ports));
    });
  }`;

/** Runs in the proxy's container: when the proxy let go of the connection from each of the ports. */
const watch = (address: string, ports: Record<string, number>, forMs: number) => `
  const { readFileSync } = require('node:fs');
  const hex = '${address}'.split('.').reverse().map((n) => Number(n).toString(16).padStart(2, '0')).join('').toUpperCase();
  const held = () => new Set(['tcp', 'tcp6'].flatMap((name) =>
    readFileSync('/proc/net/' + name, 'utf8').split('\\n').slice(1).flatMap((line) => {
      const [, , remote = '', , , , , , , inode] = line.trim().split(/ +/);
      // Without an inode it is the system alone that still keeps it.
      return remote.includes(hex + ':') && inode !== '0' ? [parseInt(remote.split(':')[1], 16)] : [];
    })));
  const left = new Map(Object.entries(${JSON.stringify(ports)}));
  const freed = {};
  const end = Date.now() + ${forMs};
  const look = () => {
    const now = held();
    for (const [way, port] of left) if (!now.has(port)) {
      freed[way] = Date.now();
      left.delete(way);
    }
    if (left.size > 0 && Date.now() < end) setTimeout(look, 100);
    else console.log(JSON.stringify(freed));
  };
  look();`;

/** A proxy before the scripted child, in its container. */
async function startProxyContainer(name: string): Promise<Docker.Container> {
  const container = await docker.createContainer({
    name,
    Image: IMAGE,
    User: `${PROXY.uid}:${PROXY.gid}`,
    Env: [
      'DREMIO_URL=http://127.0.0.1:1',
      'MCP_KEYS_FILE=/srv/keys.json',
      'CHILD_COMMAND=/srv/child',
      `ALLOWED_HOSTS=${name}`,
    ],
    ExposedPorts: { '8080/tcp': {} },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: name,
      Init: true,
      Sysctls: SYSCTLS,
      PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
    },
  });
  const files = pack();
  files.entry({ name: 'keys.json', mode: 0o400, ...PROXY }, JSON.stringify({ first: KEY }));
  files.entry({ name: 'fake-child.ts', mode: 0o444 }, await readFile(FAKE_CHILD));
  files.entry({ name: 'child', mode: 0o555 }, '#!/bin/sh\nexec node /srv/fake-child.ts "$@"\n');
  files.finalize();
  await container.putArchive(files as unknown as NodeJS.ReadableStream, { path: '/srv' });
  await container.start();
  return container;
}

async function startClient(name: string, args: readonly string[]): Promise<Docker.Container> {
  const container = await docker.createContainer({
    name: `${name}-client`,
    Image: IMAGE,
    Entrypoint: ['node', '-e', CLIENT, ...args],
    Healthcheck: { Test: ['NONE'] },
    HostConfig: { NetworkMode: name, Init: true },
  });
  await container.start();
  return container;
}

async function cleanUp(name: string): Promise<void> {
  for (const container of [`${name}-client`, name])
    await docker
      .getContainer(container)
      .remove({ force: true })
      .catch(() => {});
  await docker
    .getNetwork(name)
    .remove()
    .catch(() => {});
}

const hasImage = await docker
  .getImage(IMAGE)
  .inspect()
  .then(
    () => true,
    () => false,
  );

it('P8, fault 19: peers that are gone without a word are let go within 45 s, and their calls are not cancelled', {
  skip: !hasImage && `needs the image ${IMAGE}: npm run up`,
}, async (t: TestContext) => {
  const name = `test-half-open-${randomBytes(3).toString('hex')}`;
  t.after(() => cleanUp(name));
  const network = await docker.createNetwork({
    Name: name,
    Driver: 'bridge',
    CheckDuplicate: true,
  });
  const proxy = await startProxyContainer(name);
  const { NetworkSettings } = await proxy.inspect();
  const url = `http://127.0.0.1:${NetworkSettings.Ports['8080/tcp']?.[0]?.HostPort}/mcp`;
  const session = await eventually('a session', () => openSession(url));
  const client = await startClient(name, [name, session, KEY]);
  const ports = await eventually('four connections', async () => {
    const line = (await logsOf(`${name}-client`)).match(/\{.*\}/)?.[0];
    return line === undefined ? undefined : (JSON.parse(line) as Record<string, number>);
  });
  const address = (await client.inspect()).NetworkSettings.Networks[name]?.IPAddress ?? '';
  const watching = execNode(name, watch(address, ports, PROMISED_MS + LATE_MS));
  await network.disconnect({ Container: client.id, Force: true });
  const gone = Date.now();
  const freed = Object.entries(JSON.parse(await watching) as Record<string, number>);
  const after = Object.fromEntries(freed.map(([way, at]) => [way, at - gone]));
  t.diagnostic(`let go after ms: ${JSON.stringify(after)}`);
  for (const way of Object.keys(ports)) {
    const ms = after[way] ?? Number.POSITIVE_INFINITY;
    assert.ok(ms > 0 && ms <= PROMISED_MS + LATE_MS, `${way}: ${JSON.stringify(after)}`);
  }
  assert.equal(
    (await metricsOf(name)).get('lakehouse_proxy_calls_in_flight'),
    1,
    'the call goes on',
  );
  assert.equal(textOf(await callTool(url, session, 'cancelled')), '[]');
});
