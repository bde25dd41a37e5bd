/** No secret where everyone who reaches the engine reads it: in the environment, in labels, on the command line. */
import { confinementOf, everyContainer } from './confinement.ts';
import { labelsOf } from './inputs.ts';
import { CONTAINER, NETWORK, type Rule, SECRET, SERVICE, VOLUME } from './rule.ts';

const RUNNING = [CONTAINER, SERVICE];
/** Names the container that filled in the secrets of another, by its id. */
const SECRETS_LABEL = 'lakehouse.secrets';

/** What is counted per key is no key, and what names a file is no secret. */
const SECRET_NAME = /(?<!_PER_)(TOKEN|SECRET|PASSWORD|PASSPHRASE|PRIVATE_?KEY|KEY|CREDENTIAL)S?$/i;

/** Values that are a secret by their looks, and what they look like. */
const SECRET_VALUES: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a bearer token', /\bBearer\s+[\w\-.~+/]{8,}/i],
  ['a user with a password', /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i],
  ['a user with a password', /^[\w.-]+:[^\s:@/]+@[\w.-]+$/],
  ['a JSON web token', /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+/],
  ['a password', /\b(?:password|passwd|pwd)=[^\s&;]+/i],
];

/** What a value looks like, if it looks like a secret. */
export const secretShape = (value: string): string | undefined =>
  SECRET_VALUES.find(([, pattern]) => pattern.test(value))?.[0];

const labelProblems = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels)
    .filter(([name]) => name !== SECRETS_LABEL)
    .flatMap(([name, value]) => {
      const shape = secretShape(value);
      if (shape !== undefined)
        return [`the label ${name} carries what looks like ${shape}; remove the label`];
      return SECRET_NAME.test(name) ? [`the label ${name} carries a secret; remove the label`] : [];
    });

export const environmentRules: readonly Rule[] = [
  everyContainer(
    {
      id: 'no-secrets-in-environment',
      says: 'No environment variable carries a secret.',
    },
    ({ environment }) =>
      Object.entries(environment).flatMap(([name, value]) => {
        const shape = secretShape(value);
        if (SECRET_NAME.test(name))
          return [`the environment variable ${name} carries a secret; use a file and ${name}_FILE`];
        return shape === undefined
          ? []
          : [
              `the environment variable ${name} carries what looks like ${shape}; use a file and ${name}_FILE`,
            ];
      }),
  ),
  everyContainer(
    { id: 'no-secrets-in-arguments', says: 'No command line carries a secret.' },
    ({ words }) =>
      words.flatMap((word) => {
        const shape = secretShape(word);
        return shape === undefined
          ? []
          : [`its command line carries what looks like ${shape}; use a file`];
      }),
  ),
  {
    id: 'no-secrets-in-labels',
    says: 'No label carries a secret.',
    types: [...RUNNING, NETWORK, VOLUME, SECRET],
    check: (resource) =>
      labelProblems(
        RUNNING.includes(resource.type)
          ? confinementOf(resource).labels
          : labelsOf(resource.inputs.labels),
      ),
  },
];
