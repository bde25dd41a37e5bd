import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { parse } from 'yaml';

const declared = (): string => {
  const { config } = parse(readFileSync(new URL('../../Pulumi.yaml', import.meta.url), 'utf8')) as {
    config: { nodeImage: { default: string } };
  };
  return config.nodeImage.default;
};

/** The base image that `npm run up` has pulled or built on this engine; `undefined` where it never ran. */
export async function baseImageOnEngine(docker: Docker): Promise<string | undefined> {
  const images = await docker.listImages();
  // Debian's official Node image in its short or long name, else one built from packages.
  const short = declared().replace('docker.io/library/', '');
  const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  return (
    tags.find((tag) => tag === short || tag === declared()) ??
    tags.find((tag) => tag.startsWith('lakehouse-mcp/base:'))
  );
}
