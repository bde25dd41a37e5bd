/**
 * Images that stand for Caddy's official one where no registry is reached: in Debian, with the file capability that the
 * program has there, and, as Alpine is, with a busybox for everything.
 */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBuildContext } from '../../local/resources/build-context.ts';
import { buildImage } from '../../local/resources/image-build.ts';
import { docker } from './stack.ts';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

export const BASES = ['debian', 'busybox'] as const;
export type Base = (typeof BASES)[number];

const DOCKERFILE = `
ARG NODE_IMAGE
FROM \${NODE_IMAGE} AS debian
RUN apt-get update \\
 && apt-get install -y --no-install-recommends busybox-static libcap2-bin wget \\
 && rm -rf /var/lib/apt/lists/*
COPY caddy /usr/bin/caddy
RUN chmod 0755 /usr/bin/caddy && setcap cap_net_bind_service=+ep /usr/bin/caddy
RUN mkdir /root/busybox && cd /root/busybox && mkdir -p bin usr/bin etc tmp && cp /bin/busybox bin/ \\
 && for name in cat chmod chown find grep mkdir mv rm sh sleep stat wget; do ln -s busybox bin/$name; done

FROM scratch AS busybox
COPY --from=debian /root/busybox /
COPY --from=debian /usr/bin/caddy /usr/bin/caddy
ENV PATH=/usr/bin:/bin
`;

/** Builds both, as `<tag>-debian` and `<tag>-busybox`. */
export async function buildCaddyImages(
  caddy: string,
  nodeImage: string,
  tag: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lakehouse-caddy-'));
  try {
    await mkdir(join(folder, 'context'));
    await copyFile(caddy, join(folder, 'context', 'caddy'));
    const dockerfile = join(folder, 'context', 'Dockerfile');
    await writeFile(dockerfile, DOCKERFILE);
    const context = await readBuildContext(join(folder, 'context'), dockerfile);
    for (const target of BASES)
      await buildImage(
        docker,
        `${tag}-${target}`,
        { args: { NODE_IMAGE: nodeImage }, target, builderVersion: 'BuilderV1' },
        context,
        () => {},
      );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Builds the edge on such an image. @returns its id on the engine */
export async function buildEdgeImage(
  caddyImage: string,
  tag: string,
  builderVersion: 'BuilderV1' | 'BuilderBuildKit' = 'BuilderV1',
): Promise<string> {
  const context = await readBuildContext(REPOSITORY, join(REPOSITORY, 'images/edge/Dockerfile'));
  const build = { args: { CADDY_IMAGE: caddyImage }, builderVersion };
  return buildImage(docker, tag, build, context, () => {});
}
