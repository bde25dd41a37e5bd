import { createHmac } from 'node:crypto';
import { canonical } from './canonical.ts';
import { reveal } from './secret-value.ts';

/** Carried by every container, network and volume that this runner makes. */
export const fingerprintLabel = 'lakehouse.inputs';

/**
 * What a resource's label says: who made it and from which inputs. Keyed, because the inputs hold
 * passwords and a plain hash would let anyone who can read labels test guesses.
 *
 * @param key secret of the stack
 * @returns `<owner>.<inputs>`, both hexadecimal
 */
export function fingerprint(key: Uint8Array, urn: string, inputs: unknown): string {
  const digest = createHmac('sha256', key).update(`inputs\0${urn}\0${canonical(reveal(inputs))}`);
  return `${owner(key, urn)}.${digest.digest('hex').slice(0, 32)}`;
}

/** True when the label was written for this resource by this very stack, with whatever inputs. */
export function isOwn(key: Uint8Array, urn: string, label: string | undefined): boolean {
  return label?.split('.')[0] === owner(key, urn);
}

function owner(key: Uint8Array, urn: string): string {
  return createHmac('sha256', key).update(`owner\0${urn}`).digest('hex').slice(0, 16);
}
