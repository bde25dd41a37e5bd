/** What runs is named by content, and so is what it is built on. */
import { everyContainer } from './confinement.ts';
import { record, text, UNKNOWN } from './inputs.ts';
import { IMAGE, type Rule } from './rule.ts';

const byContent = (reference: string) => /(^|@)sha256:[0-9a-f]{64}$/.test(reference);

/** Build arguments that name an image, by convention `…_IMAGE`. */
const baseImages = (inputs: Readonly<Record<string, unknown>>) =>
  Object.entries(record(record(inputs.build).args)).filter(([name]) => name.endsWith('_IMAGE'));

export const imageRules: readonly Rule[] = [
  everyContainer(
    { id: 'image-by-content', says: 'What runs is named by content, so that a change is seen.' },
    ({ image, settings }) =>
      image === UNKNOWN || byContent(image)
        ? []
        : [
            `its image is named by a tag; set ${settings.image} to the image's repoDigest or to <name>@sha256:…`,
          ],
  ),
  {
    id: 'base-image-by-digest',
    says: 'In production an image is built on base images that are pinned by digest.',
    types: [IMAGE],
    only: 'prod',
    previewWarns: true,
    check: ({ inputs }) =>
      baseImages(inputs)
        .filter(([, reference]) => reference !== UNKNOWN && !byContent(text(reference)))
        .map(
          ([name, reference]) =>
            `it is built on ${text(reference)} (${name}), which may change; pin it by digest: npm run pin`,
        ),
  },
];
