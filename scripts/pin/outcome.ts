import {
  type ImageLock,
  namesContent,
  parseReference,
  THIRD_PARTY_IMAGES,
} from '../../infra/image-lock.ts';
import { BASE_REPOSITORY } from '../base-image/recipe.ts';
import { CommandError, EXIT } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import { credentialsFor } from './credentials.ts';
import { locate } from './location.ts';
import { resolveDigest } from './resolve.ts';

/** An image that a stack's config names. */
export interface NamedImage {
  readonly setting: string;
  readonly reference: string;
}

/** How an image stands to the lock; `before` is the digest there, `now` the registry's. */
export type Outcome = NamedImage &
  (
    | { readonly state: 'by content' }
    | { readonly state: 'new'; readonly now: string }
    | { readonly state: 'same'; readonly now: string }
    | { readonly state: 'moved'; readonly before: string; readonly now: string }
  );

/** The third-party images of a stack as git and the user name them, not what `up` put in their place on this machine. */
export function namedImages(config: StackConfig): NamedImage[] {
  return THIRD_PARTY_IMAGES.flatMap((setting) => {
    // For this command only: the config is not saved.
    config.setMachine(setting, undefined);
    const reference = config.get(setting);
    return reference === undefined ? [] : [{ setting, reference }];
  });
}

/** Asks the registry of one image. @throws CommandError when it cannot be pinned */
export async function outcomeOf(
  image: NamedImage,
  config: StackConfig,
  lock: ImageLock,
): Promise<Outcome> {
  const { setting, reference } = image;
  if (namesContent(reference)) return { ...image, state: 'by content' };
  const parsed = parseReference(reference);
  if (parsed === undefined)
    throw new CommandError(`${setting} is "${reference}", which is not an image reference.`, {
      exitCode: EXIT.usage,
      advice: [`Set it: npm run up -- --set ${setting}=registry.example/name:tag`],
    });
  if (parsed.name === BASE_REPOSITORY)
    throw new CommandError(`${reference} was built on a machine; no registry serves it.`, {
      exitCode: EXIT.usage,
      advice: [`Name an image that a registry serves: npm run up -- --set ${setting}=…`],
    });
  const location = locate(parsed);
  const credentials = await credentialsFor(
    location.registry,
    {
      registry: config.get('registry'),
      username: config.get('registryUsername'),
      password: () => config.getSecret('registryPassword'),
    },
    process.env,
  );
  const platform = config.get('imagePlatform') ?? '';
  const now = await resolveDigest({ setting, reference, location, credentials }, platform);
  const before = lock.get(reference);
  if (before === undefined) return { ...image, state: 'new', now };
  return before === now
    ? { ...image, state: 'same', now }
    : { ...image, state: 'moved', before, now };
}
