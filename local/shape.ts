/**
 * What the inputs of a resource may look like. Everything not described is refused, because an
 * input that is silently ignored is a promise broken.
 */

export type Shape =
  | { kind: 'text' | 'whole' | 'flag' }
  | { kind: 'list'; item: Shape }
  | { kind: 'map'; item: Shape }
  | { kind: 'record'; fields: Fields; required: readonly string[] }
  | { kind: 'choice'; choices: readonly (string | boolean)[] };

export type Fields = Readonly<Record<string, Shape>>;

export const text: Shape = { kind: 'text' };
export const whole: Shape = { kind: 'whole' };
export const flag: Shape = { kind: 'flag' };
export const listOf = (item: Shape): Shape => ({ kind: 'list', item });
export const mapOf = (item: Shape): Shape => ({ kind: 'map', item });
export const record = (fields: Fields, required: readonly string[] = []): Shape => ({
  kind: 'record',
  fields,
  required,
});
export const choice = (...choices: readonly (string | boolean)[]): Shape => ({
  kind: 'choice',
  choices,
});

/**
 * Lists what is wrong with a value, each entry naming the path; never the value, which may be
 * secret. `unknown` marks a value that a preview cannot know yet: it is right in any place.
 */
export function problems(shape: Shape, value: unknown, path: string, unknown?: unknown): string[] {
  if (unknown !== undefined && value === unknown) return [];
  switch (shape.kind) {
    case 'text':
      return typeof value === 'string' ? [] : [`${path} must be a string`];
    case 'whole':
      return Number.isInteger(value) ? [] : [`${path} must be a whole number`];
    case 'flag':
      return typeof value === 'boolean' ? [] : [`${path} must be true or false`];
    case 'choice':
      return shape.choices.some((allowed) => allowed === value)
        ? []
        : [`${path} must be ${shape.choices.map((c) => JSON.stringify(c)).join(' or ')} here`];
    case 'list':
      if (!Array.isArray(value)) return [`${path} must be a list`];
      return value.flatMap((item, index) =>
        problems(shape.item, item, `${path}[${index}]`, unknown),
      );
    case 'map':
      if (!isObject(value)) return [`${path} must be an object`];
      return Object.entries(value).flatMap(([key, item]) =>
        problems(shape.item, item, `${path}.${key}`, unknown),
      );
    case 'record':
      return recordProblems(shape, value, path, unknown);
  }
}

function recordProblems(
  shape: Extract<Shape, { kind: 'record' }>,
  value: unknown,
  path: string,
  unknown: unknown,
): string[] {
  if (!isObject(value)) return [`${path || 'the inputs'} must be an object`];
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  const missing = shape.required.filter((key) => value[key] === undefined);
  const found = Object.entries(value).flatMap(([key, item]) => {
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    if (item === undefined || item === null) return [];
    return field === undefined
      ? [`${at(key)} is not supported by the local runner`]
      : problems(field, item, at(key), unknown);
  });
  return [...missing.map((key) => `${at(key)} is missing`), ...found];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
