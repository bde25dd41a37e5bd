/** What each rotation changes, and what it means for clients; pure. */
import { CommandError, EXIT } from '../command-error.ts';
import type { StackConfig } from '../config/stack-config.ts';
import type { ProbeCall } from '../mcp/probe.ts';
import { platformOf } from '../stack/platform.ts';

export const ROTATIONS = ['mcp-key', 'dremio-password', 'session-secret'] as const;
export type Rotation = (typeof ROTATIONS)[number];

export interface RotationPlan {
  /** Settings to change, by short key; one deployment after the other. */
  readonly steps: readonly Readonly<Record<string, string>>[];
  /** A secret setting that the user gives anew, by short key. */
  readonly secret?: string;
  /** What happens to clients, told before. */
  readonly before: readonly string[];
  /** What has become of it, told after. */
  readonly after: readonly string[];
  /** The call by which it is measured. */
  readonly call: ProbeCall;
  /** Whether the refresher shall have logged in at the end. */
  readonly login?: boolean;
}

type Settings = Pick<StackConfig, 'get' | 'has'>;

/** @throws CommandError (exit 2) where a rotation does not fit the settings, with the way that does */
export function planRotation(
  what: Rotation,
  settings: Settings,
  { finish }: { finish: boolean },
): RotationPlan {
  if (finish && what !== 'mcp-key')
    throw usage(`--finish is for mcp-key: of ${what} nothing is left to end.`, []);
  switch (what) {
    case 'mcp-key':
      return finish ? endOldKey(settings) : newKey(settings);
    case 'session-secret':
      return sessionSecret(settings);
    case 'dremio-password':
      return dremioPassword(settings);
  }
}

function newKey(settings: Settings): RotationPlan {
  refuseOwnKeys(settings);
  if (settings.get('mcpKeyOverlap') === 'true')
    throw usage(
      'A rotation of the key is open: the key before the present one is still valid, and another rotation would end it.',
      [
        'When every client has the present key: npm run rotate -- mcp-key --finish',
        'If that rotation was interrupted, go on with it: npm run up',
      ],
    );
  return {
    steps: [{ mcpKeyGeneration: next(settings, 'mcpKeyGeneration'), mcpKeyOverlap: 'true' }],
    before: [
      'A new key is made. The present one stays valid beside it, so clients notice nothing.',
      ...proxiesTakeTurns(settings),
    ],
    after: [
      'Both keys are valid. Give the new one to every client: npm run -s output -- mcpKeys --show-secrets',
      'Then end the old one: npm run rotate -- mcp-key --finish',
    ],
    call: 'list',
  };
}

function endOldKey(settings: Settings): RotationPlan {
  refuseOwnKeys(settings);
  if (settings.get('mcpKeyOverlap') !== 'true')
    throw usage('No rotation of the key is open: there is no old key to end.', [
      'Begin one: npm run rotate -- mcp-key',
    ]);
  return {
    steps: [{ mcpKeyOverlap: 'false' }],
    before: [
      'The old key ends: clients that still use it are refused (401) from then on. Those with the present key notice nothing.',
      ...proxiesTakeTurns(settings),
    ],
    after: ['The old key is no longer valid.'],
    call: 'list',
  };
}

function sessionSecret(settings: Settings): RotationPlan {
  return {
    // A replica that signs with the new one must find the others knowing it.
    steps: [
      { sessionSecretNext: 'true' },
      {
        sessionSecretGeneration: next(settings, 'sessionSecretGeneration'),
        sessionSecretNext: 'false',
      },
    ],
    before: [
      'A new secret is made known to every proxy, and then signs session ids: two deployments. The one before stays',
      'accepted, so open sessions go on; those older than the last rotation before this one end, and their clients open new ones.',
      ...(platformOf(settings) === 'swarm'
        ? proxiesTakeTurns(settings)
        : ['The proxy is started anew for it: calls fail for some seconds.']),
    ],
    after: ['New sessions are signed with the new secret.'],
    call: 'list',
  };
}

function dremioPassword(settings: Settings): RotationPlan {
  if (settings.get('demo') === 'true')
    throw usage('The demo Dremio has no password to rotate: it is made with the stack.', [
      'With your own Dremio: npm run up -- --set demo=false --set dremioUrl=… --set dremioUsername=… --set-secret dremioPassword',
    ]);
  return {
    steps: [{}],
    secret: 'dremioPassword',
    before: [
      `The refresher logs in as "${settings.get('dremioUsername') ?? '?'}" with the new password, which Dremio must know already.`,
      'The login token in use stays valid until the new one is there, so clients notice nothing.',
    ],
    after: [],
    call: 'query',
    login: true,
  };
}

const proxiesTakeTurns = (settings: Settings) =>
  platformOf(settings) === 'swarm'
    ? ['The proxies are replaced one after the other; a new one is ready before an old one stops.']
    : [];

const next = (settings: Settings, key: string) => String(Number(settings.get(key) ?? 0) + 1);

/** Keys that the user gives are the user's to change. */
function refuseOwnKeys(settings: Settings): void {
  const own = (['mcpKeys', 'mcpKey'] as const).find((key) => settings.has(key));
  if (own === undefined) return;
  throw usage(`The keys of this stack are your own (${own}), so no new one is made here.`, [
    'Let both keys of each client be valid, the new one first, as JSON on standard input:',
    `  {"default": ["<new key>", "<present key>"]}`,
    `  npm run up -- ${own === 'mcpKey' ? '--unset mcpKey ' : ''}--set-secret mcpKeys < keys.json`,
    'When every client has its new key, set it alone in the same way: {"default": "<new key>"}',
  ]);
}

const usage = (message: string, advice: readonly string[]) =>
  new CommandError(message, { exitCode: EXIT.usage, advice });
