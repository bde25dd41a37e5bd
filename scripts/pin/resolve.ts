import { createHash } from 'node:crypto';
import { unusable, type Wanted } from './failures.ts';
import { ACCEPT, parseManifest, platformOfConfig } from './manifest.ts';
import { Registry } from './registry.ts';

/** For all questions about one image, in ms. */
const TIMEOUT_MS = 30_000;

/**
 * Asks the registry which content a tag stands for now: the digest of the index where there is one, so that it holds
 * for every platform. What the registry says is checked against the content itself, and that it serves `platform`.
 * @param platform such as `linux/amd64`
 * @returns `sha256:…`
 * @throws CommandError naming the reference, the registry, its status, and what helps
 */
export async function resolveDigest(
  wanted: Wanted,
  platform: string,
  timeoutMs = TIMEOUT_MS,
): Promise<string> {
  const registry = new Registry(wanted, timeoutMs);
  try {
    // HEAD first: what follows is asked for by digest, so that a tag that moves meanwhile mixes nothing.
    const head = await registry.ask('HEAD', `manifests/${wanted.location.tag}`, ACCEPT);
    const announced = head.header('docker-content-digest');
    const found = await registry.ask(
      'GET',
      `manifests/${announced ?? wanted.location.tag}`,
      ACCEPT,
    );
    const digest = digestOf(found.body);
    if (announced !== undefined && announced !== digest)
      throw unusable(
        wanted,
        `is announced as ${printable(announced)} and its content is ${digest}`,
      );
    const platforms = await platformsOf(registry, wanted, found.header('content-type'), found.body);
    if (!platforms.includes(platform))
      throw unusable(
        wanted,
        `is not made for ${platform}; it is for ${platforms.join(', ') || 'no platform'}`,
        `Name an image for ${platform}, or change the setting imagePlatform: npm run up -- --set imagePlatform=…`,
      );
    return digest;
  } finally {
    await registry.close();
  }
}

async function platformsOf(
  registry: Registry,
  wanted: Wanted,
  mediaType = '',
  body: Buffer,
): Promise<readonly string[]> {
  const manifest = parseManifest(mediaType, body);
  if (manifest === undefined)
    throw unusable(wanted, `has a format that is not known (${printable(mediaType) || 'none'})`);
  if (manifest.kind === 'index') return manifest.platforms;
  if (!/^sha256:[0-9a-f]{64}$/.test(manifest.config))
    throw unusable(wanted, 'does not name its configuration by sha256');
  const config = await registry.ask('GET', `blobs/${manifest.config}`);
  if (digestOf(config.body) !== manifest.config)
    throw unusable(wanted, `has a configuration that is not ${manifest.config}`);
  return [platformOfConfig(config.body)];
}

const digestOf = (content: Buffer) =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** A header's text on one line of a message. */
const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
