/** What is fine for trying out and not for production. */
import { everyContainer } from './confinement.ts';
import type { Rule } from './rule.ts';

/** Says that what lies between the services and Dremio belongs to the operator alone. */
const DECLARED = 'lakehouse.dremio.internal';

export const productionRules: readonly Rule[] = [
  everyContainer(
    { id: 'no-demo', says: 'Production has no demo Dremio.', only: 'prod' },
    ({ component }) =>
      component === 'demo'
        ? [
            'it is the demo Dremio, a stand-in with sample data; use your own: npm run up -- --set demo=false --set dremioUrl=…',
          ]
        : [],
  ),
  everyContainer(
    {
      id: 'dremio-over-tls',
      says: 'In production Dremio is reached over TLS, or declared to be inside.',
      only: 'prod',
    },
    ({ environment, labels }) =>
      /^http:/i.test(environment.DREMIO_URL ?? '') && labels[DECLARED] !== 'true'
        ? [
            'it sends passwords and tokens to Dremio in clear; set dremioUrl to an https URL, or declare that the way ' +
              'there is yours alone: npm run up -- --set dremioInternal=true',
          ]
        : [],
  ),
];
