/** docs/settings.md as text, from what the settings are parsed with: nothing on the page is written twice. */
import { parse } from 'yaml';
import { demoSettings } from '../../images/demo-dremio/src/settings.ts';
import { commonSettings } from '../../images/kit/src/service.ts';
import type { Schema, Setting } from '../../images/kit/src/settings.ts';
import { proxySettings } from '../../images/proxy/src/settings.ts';
import { refresherSettings } from '../../images/refresher/src/settings.ts';
import { type Key, keys, secretKeys, secrets } from '../../infra/config/keys.ts';

const SERVICES: readonly { title: string; folder: string; schema: Schema }[] = [
  { title: 'The refresher', folder: 'refresher', schema: refresherSettings },
  { title: 'The proxy', folder: 'proxy', schema: proxySettings },
  { title: 'The demo Dremio', folder: 'demo-dremio', schema: demoSettings },
];

const INTRODUCTION = `# Settings

<!-- Made by "npm run docs". Change Pulumi.yaml, infra/config/keys.ts or the settings.ts of a service, and run it. -->

What you set is a [stack](#a-stack); from that the stack sets what its services get. The settings of the services
themselves are for whoever runs one of the images without the stack.`;

const STACK = `## A stack

\`\`\`sh
npm run up -- --set logLevel=debug --set mcpPort=9000
npm run up -- --set dremioCa=@ca.pem               # the content of a file
npm run up -- --set-secret dremioPassword          # asks for it, or reads standard input
npm run up -- --unset logLevel                     # the default again
\`\`\`

A stack has the demo (\`demo=true\`, which \`dev\` begins with), or your own Dremio (\`demo=false\`, \`dremioUrl\`,
\`dremioUsername\` and \`dremioPassword\`). An empty value means "not set". A **secret** is kept encrypted.
[deployment.md](deployment.md#settings) says where the values are kept. The setting \`docker:host\`, of Pulumi's Docker
provider, names another Docker engine.`;

const SERVICE = `## The services

Environment variables, read once at start.

- An empty variable counts as unset.
- A value with white space around it or with a line break is refused.
- A variable that ends in \`_FILE\` names a file. A **secret** in the environment itself, under the name without
  \`_FILE\`, is refused.
- Everything that is wrong with settings and with the files they name is logged in one run, one line \`setting_wrong\` each.
  The process then ends with exit code 78, or with 69 when it is files alone.`;

/** A declaration in the \`config\` of Pulumi.yaml. */
interface Declared {
  readonly description: string;
  readonly default: unknown;
}

/**
 * The page. @param project the text of Pulumi.yaml
 * @throws Error when a setting has no meaning there
 */
export function settingsPage(project: string): string {
  const declared = (parse(project) as { config: Record<string, Declared> }).config;
  const stack = (Object.keys(keys) as Key[]).map((key) => stackRow(key, declared[key]));
  const services = SERVICES.map(
    ({ title, folder, schema }) =>
      `### ${title}\n\nWhat it does with them: [images/${folder}](../images/${folder}/README.md).\n\n` +
      table('variable', ownFirst(schema).map(serviceRow)),
  );
  return `${[INTRODUCTION, STACK, table('key', stack), SERVICE, ...services].join('\n\n')}\n`;
}

type Row = readonly [name: string, byDefault: string, allowed: string, meaning: string];

function stackRow(key: Key, declared: Declared | undefined): Row {
  const secret = secretKeys.has(key);
  const meaning = declared?.description ?? secrets[key];
  if (meaning === undefined)
    throw new Error(`"${key}" has no meaning: describe it in the config of Pulumi.yaml`);
  const value = String(declared?.default ?? '');
  return [
    code(key),
    value === '' ? 'none' : code(value),
    keys[key].allowed,
    secret ? `**Secret.** ${meaning}` : meaning,
  ];
}

/** What every service has comes last. */
function ownFirst(schema: Schema): readonly Setting<unknown>[] {
  const common = ({ variable }: Setting<unknown>) =>
    Object.values(commonSettings).some((setting) => setting.variable === variable);
  const all = Object.values(schema);
  return [...all.filter((setting) => !common(setting)), ...all.filter(common)];
}

function serviceRow({ variable, fallback, optional, allowed, doc, file }: Setting<unknown>): Row {
  const byDefault = fallback === undefined ? (optional ? 'none' : '**required**') : code(fallback);
  return [code(variable), byDefault, allowed, file === 'secret' ? `**Secret**: ${doc}` : doc];
}

const code = (text: string) => `\`${text}\``;

function table(first: string, rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  const head = [first, 'default', 'allowed', 'meaning'];
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text as a cell of a table: what Markdown would take for markup is escaped, but not backquotes. */
const cell = (text: string) => text.replace(/[|<]/g, '\\$&');
