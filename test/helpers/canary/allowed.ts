/** Where secrets of a stack belong: each entry must be met by a search, and nothing else may be. */
import type { StackFiles } from '../../../scripts/stack/stack-files.ts';
import type { Allowance } from './search.ts';

const TOKEN = '/var/lib/lakehouse/token/token.json';
const OWN_FILE = 'a service reads its secrets from files of its own container, mode 0400';
const HANDED_ON = 'the refresher hands it to the proxies in a volume in memory';

/** `lakehouse-<stack>-<component>`, behind which Swarm puts slot or node, and the task. */
const inContainer = (stack: string, component: string, path: string) =>
  new RegExp(`^container lakehouse-${stack}-${component}[.\\w]*: ${path}$`);

const inServices = ({ stack, folder }: StackFiles): readonly Allowance[] => [
  {
    secret: 'Dremio password',
    where: inContainer(stack, 'refresher', '/run/secrets/dremio-password'),
    why: OWN_FILE,
  },
  {
    secret: 'MCP key',
    where: inContainer(stack, 'proxy', '/run/secrets/mcp-keys.json'),
    why: OWN_FILE,
  },
  {
    secret: 'session secret',
    where: inContainer(stack, 'proxy', '/run/secrets/session-secret'),
    why: OWN_FILE,
  },
  { secret: 'Dremio token', where: inContainer(stack, 'refresher', TOKEN), why: HANDED_ON },
  { secret: 'Dremio token', where: inContainer(stack, 'proxy', TOKEN), why: HANDED_ON },
  {
    secret: 'passphrase',
    where: `${folder}/passphrase`,
    why: 'opens config and state of the stack beside it; mode 0600, ignored by git',
  },
];

export const REQUESTS_TO_DREMIO = 'requests to Dremio';
const ITS_USE = 'that is what it is for';

export const allowedInProduction = (files: StackFiles): readonly Allowance[] => [
  ...inServices(files),
  {
    secret: 'key of the certificate',
    where: inContainer(files.stack, 'edge', '/run/secrets/tls.key'),
    why: OWN_FILE,
  },
  { secret: 'Dremio password', where: REQUESTS_TO_DREMIO, why: ITS_USE },
  { secret: 'Dremio token', where: REQUESTS_TO_DREMIO, why: ITS_USE },
  {
    secret: 'MCP key',
    where: /^output of output .*--show-secrets/,
    why: 'the one command that shows secrets, when it is told to',
  },
];

export const allowedInDev = (files: StackFiles): readonly Allowance[] => [
  ...inServices(files),
  {
    secret: 'Dremio password',
    where: inContainer(files.stack, 'demo', '/run/secrets/dremio-password'),
    why: OWN_FILE,
  },
];
