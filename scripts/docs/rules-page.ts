/** docs/rules.md: what a stack must keep and what is excepted, written from infra/rules. */
import { type Exception, exceptions } from '../../infra/rules/exceptions.ts';
import { type Rule, rules, type StackRule, stackRules } from '../../infra/rules/index.ts';

const HEAD = `# Rules

<!-- Made from infra/rules by "npm run docs". -->

What every stack must keep. The same rules are asked by the runner before it creates anything, by the Pulumi policy pack
(\`pulumi preview --policy-pack policy\`), and by the tests. A rule that is broken stops the deployment, and its
message says what to change.

The CLI does not tell a policy pack of the option \`retainOnDelete\`; the runner and the tests ask for it.`;

const EXCEPTIONS = `## Exceptions

What a platform cannot express, and what stands in for it. Beside the rules above, the names are those of the checks of
running containers (\`test/helpers/hardening-table.ts\`). The list may only become shorter.`;

const WHERE = { dev: 'plain containers', prod: 'production' } as const;

const row = (...cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
const cell = (text: string) => text.replaceAll('|', '\\|');

const ruleRow = ({ id, says, only, previewWarns }: Rule | StackRule) =>
  row(
    `\`${id}\``,
    previewWarns === true ? `${says} A preview only warns.` : says,
    only === undefined ? 'everywhere' : WHERE[only],
  );

const exceptionRow = ({ rule, platform, component, why, instead }: Exception) =>
  row(
    `\`${rule}\``,
    (platform === 'swarm' ? 'Swarm' : 'containers') +
      (component === undefined ? '' : `, ${component}`),
    why,
    instead,
  );

export const rulesPage = (): string =>
  `${[
    HEAD,
    [
      row('rule', 'what must hold', 'where'),
      row('---', '---', '---'),
      ...[...rules, ...stackRules].map(ruleRow),
    ].join('\n'),
    EXCEPTIONS,
    [
      row('what', 'where', 'why', 'instead'),
      row('---', '---', '---', '---'),
      ...exceptions.map(exceptionRow),
    ].join('\n'),
  ].join('\n\n')}\n`;
