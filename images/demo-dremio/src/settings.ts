/** Settings of the container and of the plain process; docs/settings.md is made from them. */
import { commonSettings } from '../../kit/src/service.ts';
import { setting } from '../../kit/src/settings.ts';
import { DEFAULT_VERSION, DEMO_USER } from './options.ts';

const MAX_LIFE_SECONDS = 315_360_000;
const milliseconds = { min: 0, max: 600_000, unit: 'milliseconds' } as const;

export const demoSettings = {
  ...commonSettings,
  logLevel: {
    ...commonSettings.logLevel,
    doc: `${commonSettings.logLevel.doc}; \`debug\` adds a line a request`,
  },
  host: setting.text({
    variable: 'HOST',
    doc: 'address that both ports listen on; `0.0.0.0` in the image',
    fallback: '127.0.0.1',
  }),
  port: setting.integer({
    variable: 'PORT',
    doc: 'TCP port of the REST API',
    min: 0,
    max: 65535,
    fallback: '8080',
  }),
  username: setting.text({
    variable: 'DEMO_USERNAME',
    doc: 'the user that may log in',
    pattern: /^[^":]+$/,
    allowed: 'a name without quotes and colons',
    fallback: DEMO_USER.userName,
  }),
  passwordFile: setting.secretFile({
    variable: 'DEMO_PASSWORD_FILE',
    content: 'a password of at least 8 characters, a digit and a letter among them',
    doc: `that user's password; without it the password is \`${DEMO_USER.password}\`, on a loopback \`HOST\` only`,
    optional: true,
  }),
  firstUser: setting.flag({
    variable: 'FIRST_USER',
    doc: 'whether there is a user at the start; without one, logins answer 403 until the first is created over REST',
    fallback: 'true',
  }),
  tokenLife: setting.integer({
    variable: 'DEMO_TOKEN_LIFE',
    doc: 'life of a login token',
    min: 1,
    max: MAX_LIFE_SECONDS,
    unit: 'seconds',
    fallback: '108000',
  }),
  tokensFile: setting.path({
    variable: 'TOKENS_FILE',
    doc: 'where digests of the login tokens are kept, so that tokens outlive a restart, as with the data folder of Dremio; without it they end',
    allowed: 'the absolute path of a file in a folder that the service can write',
    optional: true,
  }),
  jobLatency: setting.integer({
    variable: 'JOB_LATENCY',
    doc: 'time that each query takes besides its work',
    ...milliseconds,
    fallback: '0',
  }),
  jobEnqueued: setting.integer({
    variable: 'JOB_ENQUEUED',
    doc: 'time that each query spends in state `ENQUEUED`, which some clients do not know',
    ...milliseconds,
    fallback: '0',
  }),
  settle: setting.integer({
    variable: 'SETTLE',
    doc: 'how long a submission waits for its query to end before it is answered',
    ...milliseconds,
    fallback: '100',
  }),
  startDelay: setting.integer({
    variable: 'START_DELAY',
    doc: 'how long connections are refused at first, as by a server that starts slowly',
    ...milliseconds,
    fallback: '0',
  }),
  statementTimeout: setting.integer({
    variable: 'STATEMENT_TIMEOUT',
    doc: 'longest time that a query may run',
    min: 1,
    max: 3600,
    unit: 'seconds',
    fallback: '30',
  }),
  edition: setting.oneOf({
    variable: 'EDITION',
    doc: 'edition that is played; `enterprise` has lineage and search',
    choices: ['community', 'enterprise'],
    fallback: 'community',
  }),
  version: setting.text({
    variable: 'DREMIO_VERSION',
    doc: 'version text in login answers',
    fallback: DEFAULT_VERSION,
  }),
  data: setting.flag({
    variable: 'SAMPLE_DATA',
    doc: 'whether the sample source is there',
    fallback: 'true',
  }),
  strictKeywords: setting.flag({
    variable: 'STRICT_KEYWORDS',
    doc: 'refuses reserved words such as `date`, `year` and `month` as names without quotes, as Dremio does',
    fallback: 'false',
  }),
  control: setting.flag({
    variable: 'CONTROL',
    doc: 'serves the controls for tests under `/__demo/` to callers on loopback',
    fallback: 'false',
  }),
} as const;
