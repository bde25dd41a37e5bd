/** What keeps a production stack from being deployed: all of it is told before anything is made, and nothing set is lost. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generate } from 'selfsigned';
import { countOf, findLeftovers } from '../../scripts/stack/leftovers.ts';
import { lakehouse, type Outcome, repository } from '../helpers/lakehouse-command.ts';
import { noRegistry, TestRegistry } from '../helpers/registry.ts';
import { docker } from '../helpers/stack.ts';
import { labelNode, noSwarm } from '../helpers/swarm.ts';

const skip = noRegistry || (await noSwarm());
const DAY_MS = 86_400_000;
const REGISTRY_PASSWORD = 'not-the-one-of-the-registry';
const DREMIO_PASSWORD = 'Rk4-never-logs-in-28';
/** bcrypt of a password that nobody here knows; docker-registry reads no other form. */
const HTPASSWD = 'deploy:$2b$04$abcdefghijklmnopqrstuuwOSA7Y9rIMFOO0YMODYvgCroJmWCfFy\n';

describe('a production stack that cannot be deployed', { skip }, () => {
  const name = `t-luck-${randomBytes(3).toString('hex')}`;
  const made = new AsyncDisposableStack();
  const taken = createServer();
  let folder: string;
  let registry: TestRegistry;
  let certificate: { cert: string; private: string };
  let otherKey: string;
  let port: number;

  before(async () => {
    await labelNode();
    folder = await mkdtemp(join(tmpdir(), 'lakehouse-luck-'));
    made.defer(() => rm(folder, { recursive: true }));
    const auth = { htpasswd: { realm: 'test', path: 'FOLDER/htpasswd' } };
    registry = await TestRegistry.start({ auth }, { htpasswd: HTPASSWD });
    made.defer(() => registry.stop());
    await once(taken.listen(0, '0.0.0.0'), 'listening');
    made.defer(() => void taken.close());
    port = (taken.address() as AddressInfo).port;
    const now = Date.now();
    const dates = {
      notBeforeDate: new Date(now - 30 * DAY_MS),
      notAfterDate: new Date(now - 3 * DAY_MS),
    };
    const subject = [{ name: 'commonName', value: 'old.lakes.test' }];
    certificate = await generate(subject, dates);
    otherKey = (await generate(subject, dates)).private;
    await writeFile(join(folder, 'chain.pem'), certificate.cert);
  });
  after(async () => {
    await lakehouse(['down', '--stack', name, '--delete-data', '--yes']);
    await made.disposeAsync();
  });

  const run = async (command: string, words: readonly string[] = [], input = '') => {
    const found = await lakehouse([command, '--stack', name, ...words], { input });
    const said = found.stdout + found.stderr;
    for (const secret of [REGISTRY_PASSWORD, DREMIO_PASSWORD, otherKey.split('\n')[1] ?? ''])
      assert.ok(!said.includes(secret), 'no secret is told');
    assert.doesNotMatch(said, /\n\s+at /, 'no stack trace');
    return found;
  };
  const up = (words: readonly string[], input = '') =>
    run('up', ['--engine', 'local', '--trial', ...words], input);
  const set = (settings: Readonly<Record<string, string>>) =>
    Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  /** Each problem begins its line; below it stands what solves it. */
  const tells = ({ stderr }: Outcome, problem: RegExp, command: string) => {
    const parts = stderr.split(/\n(?= {2}- )/);
    const found = parts.filter((part) => problem.test(part));
    assert.equal(found.length, 1, `${problem} is told once in:\n${stderr}`);
    const typed = command.replace(/^npm run up --/, `npm run up -- --stack ${name}`);
    assert.ok(found[0]?.includes(typed), `"${typed}" stands in:\n${found[0]}`);
  };
  const nothingMade = async () => {
    assert.equal(countOf(await findLeftovers(docker, name)), 0);
    assert.equal(existsSync(join(repository, '.lakehouse', name, 'state.json')), false);
  };

  it('names everything that is missing or taken at once, secrets too, each with its command', async () => {
    const settings = {
      platform: 'swarm',
      demo: 'false',
      dremioUrl: 'https://localhost:1',
      dremioUsername: 'analyst',
      tlsMode: 'files',
      registry: `${registry.address}/lake`,
      registryUsername: 'deploy',
      nodeImage: `${registry.address}/node@sha256:${'0'.repeat(64)}`,
      caddyImage: `${registry.address}/caddy@sha256:${'0'.repeat(64)}`,
      httpsPort: String(port),
      httpPort: '0',
    };
    const found = await up(set(settings));
    assert.equal(found.code, 2);
    assert.match(found.stderr, /6 problems stand in the way\./);
    tells(found, /"domain" is not set/, 'npm run up -- --set domain=');
    tells(found, /"dremioPassword" is not set/, 'npm run up -- --set-secret dremioPassword');
    tells(found, /"tlsKey" is not set/, 'npm run up -- --set-secret tlsKey');
    tells(found, /"tlsCertificate" is not set/, 'npm run up -- --set tlsCertificate=');
    tells(
      found,
      /"registryUsername" is set without "registryPassword"/,
      'npm run up -- --set-secret registryPassword',
    );
    tells(
      found,
      new RegExp(`Port ${port} is taken by .* \\(process ${process.pid}\\)`),
      'npm run up -- --set httpsPort=',
    );
    await nothingMade();
  });

  it('keeps what was set, and says what is wrong with the rest: certificate, key, login, Dremio', async () => {
    const words = ['--set', 'domain=mcp.lakes.test'];
    const secrets = ['dremioPassword', 'registryPassword', 'tlsKey'];
    const found = await up(
      [
        ...words,
        '--set',
        `tlsCertificate=@${join(folder, 'chain.pem')}`,
        ...secrets.flatMap((secret) => ['--set-secret', secret]),
      ],
      `${DREMIO_PASSWORD}\n${REGISTRY_PASSWORD}\n${otherKey}`,
    );
    assert.equal(found.code, 2);
    assert.doesNotMatch(found.stderr, /is not set/);
    const both = 'npm run up -- --set tlsCertificate=@chain.pem --set-secret tlsKey < key.pem';
    tells(found, /"tlsKey" is not the key of "tlsCertificate"/, both);
    tells(found, /"tlsCertificate" expired on \d{4}-\d\d-\d\d, 3 days ago/, both);
    tells(found, /"tlsCertificate" is for .*old\.lakes\.test.* and "domain" is mcp\.lakes/, both);
    tells(
      found,
      new RegExp(`The registry ${registry.address} refuses the login as "deploy"`),
      'npm run up -- --set-secret registryPassword',
    );
    tells(found, /Nothing listens at https:\/\/localhost:1/, 'npm run up -- --set dremioUrl=');
    tells(found, new RegExp(`Port ${port} is taken`), 'npm run up -- --set httpsPort=');
    await nothingMade();
  });

  it('says the same to who asks doctor', async () => {
    const { code, stdout } = await run('doctor');
    assert.equal(code, 1);
    for (const problem of [
      /✗ Settings +"tlsKey" is not the key of "tlsCertificate"/,
      /✗ Settings +"tlsCertificate" expired on/,
      /✗ Registry +The registry \S+ refuses the login as "deploy"/,
      /✗ Ports +Port \d+ is taken by/,
      /✗ Dremio +Nothing listens at https:\/\/localhost:1/,
    ])
      assert.match(stdout, problem);
  });
});
