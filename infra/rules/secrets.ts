/** Swarm secrets: replaceable, whole, and worth keeping. No message here quotes their content. */
import { text, UNKNOWN } from './inputs.ts';
import { passwordProblems } from './passwords.ts';
import { type Rule, SECRET } from './rule.ts';

const types = [SECRET];
/** The provider's validator prints what it cannot decode, and takes the standard alphabet alone. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const decoded = (data: unknown) => Buffer.from(text(data), 'base64').toString('utf8');

export const secretRules: readonly Rule[] = [
  {
    id: 'secret-named-by-engine',
    says: 'A secret has no name of its own, so that a new one can take its place.',
    types,
    check: ({ name, inputs }) =>
      // As Pulumi names what has no name: `<name>-<7 hex digits>`.
      inputs.name === undefined || /^-[0-9a-f]{7}$/.test(text(inputs.name).slice(name.length))
        ? []
        : ['it has a name, so that it can never be replaced while it is in use; remove name'],
  },
  {
    id: 'secret-encoded',
    says: 'The content of a secret is encoded, and there is some.',
    types,
    check: ({ inputs: { data } }) => {
      if (data === UNKNOWN) return [];
      if (text(data) === '') return ['it is empty; give it a content'];
      return BASE64.test(text(data))
        ? []
        : ['its content is not base64, and would be shown in an error; encode data'];
    },
  },
  {
    id: 'no-weak-passwords',
    says: 'In production no password is short or a default.',
    types,
    only: 'prod',
    check: ({ name, inputs: { data } }) =>
      data === UNKNOWN || !/password/i.test(name)
        ? []
        : passwordProblems(decoded(data)).map(
            (problem) => `its password ${problem}; set another: npm run rotate -- dremio-password`,
          ),
  },
];
