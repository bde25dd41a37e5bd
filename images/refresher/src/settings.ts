/** The refresher's settings; docs/settings.md is made from them. */
import { commonSettings } from '../../kit/src/service.ts';
import { type Setting, setting, type Values } from '../../kit/src/settings.ts';
import { TOKEN_FILE } from '../../kit/src/token-file.ts';
import type { Policy } from './core/schedule.ts';

const plainUrl = setting.url({
  variable: 'DREMIO_URL',
  doc: 'address of Dremio, as typed into a browser; a path is put before `/apiv2`',
});

/** A query or fragment means that the address of a page was copied, not that of the server. */
const dremioUrl: Setting<URL> = {
  ...plainUrl,
  allowed: 'an http or https URL without user name, password, query and fragment',
  parse: (text) => {
    const url = plainUrl.parse(text);
    return url && !url.search && !url.hash ? url : undefined;
  },
};

const anyGrace = setting.integer({
  variable: 'LOGOUT_REPLACED_AFTER',
  doc: 'how long after its replacement a token is logged out of Dremio; 0: never, it ends by itself',
  min: 0,
  max: 604_800,
  unit: 'seconds',
  fallback: '0',
});
/** A call of the proxy may take this long, and whoever makes it may still use the token that was replaced, s. */
const LONGEST_CALL = 120;

const logoutReplacedAfter: Setting<number> = {
  ...anyGrace,
  allowed: `0, or a whole number from ${LONGEST_CALL} to 604800 (seconds)`,
  parse: (text) => {
    const grace = anyGrace.parse(text);
    return grace === 0 || (grace && grace >= LONGEST_CALL) ? grace : undefined;
  },
};

export const refresherSettings = {
  ...commonSettings,
  dremioUrl,
  dremioUsername: setting.text({
    variable: 'DREMIO_USERNAME',
    doc: 'user that logs in to Dremio',
    pattern: /^[^":]+$/,
    allowed: 'a Dremio user name, without " and :',
  }),
  dremioPasswordFile: setting.secretFile({
    variable: 'DREMIO_PASSWORD_FILE',
    content: 'the password alone, on one line',
    doc: "that user's password; a change of the file is taken up",
  }),
  dremioCaFile: setting.textFile({
    variable: 'DREMIO_CA_FILE',
    content: 'certificates as PEM text',
    doc: 'certificates of the authorities that are trusted for `DREMIO_URL`, instead of those that Node trusts',
    optional: true,
  }),
  tokenFile: setting.path({
    variable: 'TOKEN_FILE',
    doc: 'where the token is written',
    allowed: 'the absolute path of a file in a folder that the refresher can write',
    fallback: TOKEN_FILE,
  }),
  checkInterval: setting.integer({
    variable: 'CHECK_INTERVAL',
    doc: 'longest pause between two checks of files and token; shorter for short token lives',
    min: 5,
    max: 3600,
    unit: 'seconds',
    fallback: '300',
  }),
  refreshMargin: setting.integer({
    variable: 'REFRESH_MARGIN',
    doc: "how long before its end a token is replaced, at most 20 % of the token's life",
    min: 1,
    max: 31_536_000,
    unit: 'seconds',
    fallback: '21600',
  }),
  logoutReplacedAfter,
  createFirstUser: setting.flag({
    variable: 'CREATE_FIRST_USER',
    doc: 'whether to create DREMIO_USERNAME with that password as the first user of a Dremio that has none',
    fallback: 'false',
  }),
} as const;

/** The schedule that the settings ask for. */
export function policyOf(settings: Values<typeof refresherSettings>): Policy {
  return {
    checkIntervalMs: settings.checkInterval * 1000,
    refreshMarginMs: settings.refreshMargin * 1000,
    logoutAfterMs: settings.logoutReplacedAfter * 1000,
  };
}
