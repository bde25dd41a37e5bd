/**
 * Secrets inside inputs, outputs and state are marked as Pulumi marks them: an object with the
 * signature key (pulumi/pulumi sdk/go/common/resource/sig/sig.go).
 */

const signatureKey = '4dabf18193072939515e22adb298388d';
const secretSignature = '1b47061264138c4ac30d75fd1eb44270';

/** Marks a value as secret; a secret stays as it is. */
export function secret(value: unknown): object {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** The form a secret has in a state file. */
export function sealedSecret(ciphertext: string): object {
  return { [signatureKey]: secretSignature, ciphertext };
}

export function isSecret(value: unknown): value is { value: unknown } {
  return hasSignature(value) && 'value' in value;
}

export function isSealed(value: unknown): value is { ciphertext: string } {
  return hasSignature(value) && 'ciphertext' in value && typeof value.ciphertext === 'string';
}

function hasSignature(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Record<string, unknown>)[signatureKey] === secretSignature
  );
}

/** The same value with every secret in clear. Use it only at the door to the engine. */
export function reveal(value: unknown): unknown {
  if (isSecret(value)) return reveal(value.value);
  return mapChildren(value, reveal);
}

/** Every text that is secret, for masking it in messages. */
export function secretTexts(value: unknown, inside = false): string[] {
  if (isSecret(value)) return secretTexts(value.value, true);
  if (typeof value === 'string') return inside ? [value] : [];
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).flatMap((child) => secretTexts(child, inside));
  }
  return [];
}

/** Applies a function to the items of a list or the values of an object; anything else stays. */
export function mapChildren(value: unknown, change: (child: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, change(child)]));
  }
  return value;
}
