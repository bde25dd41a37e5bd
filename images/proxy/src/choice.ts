/** Which upstream the settings choose, and whether they give it what it needs and nothing that is the other's. */
import { SettingsError } from '../../kit/src/settings.ts';
import { type ProxySettings, proxySettings as schema } from './settings.ts';

export interface DremioChoice {
  readonly kind: 'dremio';
  readonly url: URL;
}

export interface HttpChoice {
  readonly kind: 'http';
  readonly url: URL;
}

type Key = keyof ProxySettings;

/** Settings without a default that belong to one kind alone; the first of each is needed. */
const OWN = {
  dremio: ['dremioUrl', 'dremioCaFile', 'refresherUrl'],
  http: [
    'upstreamUrl',
    'upstreamCaFile',
    'upstreamHost',
    'upstreamHeadersFile',
    'upstreamArgumentsFile',
    'upstreamErrorStatus',
  ],
} as const satisfies Record<ProxySettings['upstream'], readonly Key[]>;

/** @returns a line for each problem; settings that could not be read are passed over */
export function checkUpstream(settings: Partial<ProxySettings>): readonly string[] {
  const { upstream } = settings;
  if (upstream === undefined) return [];
  const other = upstream === 'http' ? 'dremio' : 'http';
  const [needed] = OWN[upstream];
  const { variable, allowed, doc } = schema[needed];
  const missing =
    needed in settings && settings[needed] === undefined
      ? [`${variable} is not set; expected ${allowed}: ${doc}`]
      : [];
  const stray = OWN[other]
    .filter((key) => settings[key] !== undefined)
    .map(
      (key) =>
        `${schema[key].variable} is set, but UPSTREAM is ${upstream} and would leave it aside; unset it, or set UPSTREAM to ${other}`,
    );
  return [...missing, ...stray, ...wornWithSession(settings)];
}

const WORN = ['childMaxCalls', 'childMaxAge', 'childMaxMemory'] as const;

/** A child of one session may hold what the session has built up: it is not replaced, whatever is set. */
function wornWithSession(settings: Partial<ProxySettings>): string[] {
  if (settings.childSharing !== 'session') return [];
  return WORN.filter((key) => (settings[key] ?? 0) > 0).map(
    (key) =>
      `${schema[key].variable} is ${settings[key]}, but CHILD_SHARING is session and a session's child is never replaced; unset it, or set CHILD_SHARING to call`,
  );
}

/** @throws SettingsError when `checkUpstream` finds something */
export function chooseUpstream(settings: ProxySettings): DremioChoice | HttpChoice {
  const problems = checkUpstream(settings);
  const url = settings.upstream === 'http' ? settings.upstreamUrl : settings.dremioUrl;
  if (problems.length > 0 || url === undefined) throw new SettingsError(problems);
  return { kind: settings.upstream, url };
}
