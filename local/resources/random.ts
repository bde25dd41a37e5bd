/**
 * Random values that are made once and kept in the state (pulumi/pulumi-random over
 * terraform-provider-random). Left out: `bcryptHash` of a password, which stays undefined.
 */

import { randomBytes, randomInt } from 'node:crypto';
import type { ResourceType } from '../resource-type.ts';
import { flag, mapOf, text, whole } from '../shape.ts';
import { keptInState } from './kept-in-state.ts';

interface PasswordInputs {
  length: number;
  lower?: boolean;
  upper?: boolean;
  numeric?: boolean;
  number?: boolean;
  special?: boolean;
  minLower?: number;
  minUpper?: number;
  minNumeric?: number;
  minSpecial?: number;
  overrideSpecial?: string;
}

export const randomPassword: ResourceType = {
  ...keptInState,
  fields: {
    length: whole,
    lower: flag,
    upper: flag,
    numeric: flag,
    number: flag,
    special: flag,
    minLower: whole,
    minUpper: whole,
    minNumeric: whole,
    minSpecial: whole,
    overrideSpecial: text,
    keepers: mapOf(text),
  },
  required: ['length'],
  check: (inputs) => passwordProblems(inputs as unknown as PasswordInputs),
  create: async (_context, { inputs }) => ({
    id: 'none',
    outputs: { result: generatePassword(inputs as unknown as PasswordInputs) },
  }),
};

export const randomId: ResourceType = {
  ...keptInState,
  fields: { byteLength: whole, prefix: text, keepers: mapOf(text) },
  required: ['byteLength'],
  check: ({ byteLength }) => atLeastOne('byteLength', byteLength),
  create: async (_context, { inputs }) => {
    const bytes = randomBytes(Number(inputs.byteLength));
    const prefix = String(inputs.prefix ?? '');
    const b64Url = bytes.toString('base64url');
    return {
      id: b64Url,
      outputs: {
        hex: prefix + bytes.toString('hex'),
        b64Url: prefix + b64Url,
        b64Std: prefix + bytes.toString('base64'),
        dec: prefix + BigInt(`0x${bytes.toString('hex')}`).toString(),
      },
    };
  },
};

export const randomBytesType: ResourceType = {
  ...keptInState,
  fields: { length: whole, keepers: mapOf(text) },
  required: ['length'],
  check: ({ length }) => atLeastOne('length', length),
  create: async (_context, { inputs }) => {
    const bytes = randomBytes(Number(inputs.length));
    return {
      id: 'none',
      outputs: { base64: bytes.toString('base64'), hex: bytes.toString('hex') },
    };
  },
};

function atLeastOne(name: string, value: unknown): string[] {
  return Number(value) >= 1 ? [] : [`${name} must be at least 1`];
}

interface Alphabet {
  letters: string;
  minimum: number;
}

/** The provider's default of `overrideSpecial`. */
const specials = '!@#$%&*()-_=+[]{}<>:?';

function alphabets(inputs: PasswordInputs): Alphabet[] {
  const { lower = true, upper = true, special = true } = inputs;
  const numeric = inputs.numeric ?? inputs.number ?? true;
  const kinds: [boolean, string, number | undefined][] = [
    [lower, 'abcdefghijklmnopqrstuvwxyz', inputs.minLower],
    [upper, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', inputs.minUpper],
    [numeric, '0123456789', inputs.minNumeric],
    [special, inputs.overrideSpecial || specials, inputs.minSpecial],
  ];
  return kinds
    .filter(([allowed]) => allowed)
    .map(([, letters, minimum]) => ({ letters, minimum: minimum ?? 0 }));
}

function passwordProblems(inputs: PasswordInputs): string[] {
  const kinds = alphabets(inputs);
  const wanted = kinds.reduce((sum, { minimum }) => sum + minimum, 0);
  return [
    ...atLeastOne('length', inputs.length),
    ...(kinds.length === 0 ? ['one of lower, upper, numeric and special must be true'] : []),
    ...(wanted > inputs.length
      ? [`length must be at least ${wanted}, the sum of the minimums`]
      : []),
  ];
}

/** Every letter is drawn evenly; the minimums are drawn first and then shuffled in. */
export function generatePassword(inputs: PasswordInputs): string {
  const kinds = alphabets(inputs);
  const all = kinds.map(({ letters }) => letters).join('');
  const drawn = kinds.flatMap(({ letters, minimum }) => draw(letters, minimum));
  const password = [...drawn, ...draw(all, inputs.length - drawn.length)];
  for (let last = password.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [password[last], password[other]] = [password[other] ?? '', password[last] ?? ''];
  }
  return password.join('');
}

function draw(letters: string, count: number): string[] {
  return Array.from({ length: count }, () => letters.charAt(randomInt(letters.length)));
}
