/** What no config key shows alone: keys that do not go together. */
import type { Raw } from './keys.ts';

/** A sentence for each pair that does not, with the commands that mend it. */
export function relationProblems(raw: Partial<Raw>): string[] {
  const worn = (['childMaxCalls', 'childMaxAge', 'childMaxMemory'] as const).filter(
    (key) => raw.childSharing === 'session' && Number(raw[key] ?? 0) > 0,
  );
  const { callTimeout = 0, tokenLogoutAfter = 0 } = raw;
  return [
    ...worn.map(
      (key) =>
        `"childSharing" is session and "${key}" is ${raw[key]}; a child of one session is not replaced while the session uses it. ` +
        `Keep one: npm run up -- --unset ${key}, or npm run up -- --set childSharing=call`,
    ),
    ...(raw.mcpKey !== undefined && raw.mcpKeys !== undefined
      ? [
          '"mcpKey" and "mcpKeys" are set; the one is the key of the only client, the other has all clients. ' +
            'Keep one: npm run up -- --unset mcpKey, or npm run up -- --unset mcpKeys',
        ]
      : []),
    ...(tokenLogoutAfter > 0 && tokenLogoutAfter < callTimeout
      ? [
          `"tokenLogoutAfter" is ${tokenLogoutAfter} and "callTimeout" is ${callTimeout} (seconds); a call that began before a ` +
            `rotation would lose its token. Set it: npm run up -- --set tokenLogoutAfter=${callTimeout}`,
        ]
      : []),
  ];
}
