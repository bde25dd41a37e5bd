/** The preview as one Markdown text that fits into a comment. */
import type { Change } from './compare.ts';
import type { Preview, Remark } from './events.ts';
import { codeBlock, details, inlineCode, shortened, table } from './markdown.ts';

/** By this line the workflow finds its comment again. */
export const MARKER = '<!-- lakehouse-mcp preview -->';
/** GitHub takes 65,536 characters for a comment; counted in bytes, so that it fits into a variable as well. */
export const MOST_BYTES = 60_000;
const MOST_ROWS = 40;
const MOST_REMARKS = 8;
const MOST_IN_REMARK = 700;

export interface StackReport {
  readonly stack: string;
  readonly preview: Preview;
  readonly comparison?: Comparison;
  readonly seconds: number;
}

/** What the stack of another revision would go through, or why nobody can say. */
export type Comparison = { readonly changes: readonly Change[] } | { readonly unknown: string };

export interface Report {
  readonly stacks: readonly StackReport[];
  /** Version of the Pulumi CLI. */
  readonly pulumi: string;
  /** The revision that is compared with. */
  readonly base?: string;
}

export const passes = ({ preview }: Pick<StackReport, 'preview'>) =>
  preview.errors.length === 0 && preview.violations.length === 0;

export function markdown({ stacks, pulumi, base }: Report): string {
  const verdict = stacks.map((each) => `${each.stack} ${passes(each) ? '✅' : '❌'}`).join(', ');
  const text = [
    MARKER,
    `## Preview: ${verdict}`,
    `What the Pulumi CLI ${pulumi} plans for a new, empty stack of each config in this repository. Its secrets are ` +
      'stand-ins; nothing was made, and no Docker engine was asked.',
    ...(base === undefined
      ? []
      : [
          `“Against ${inlineCode(base)}” compares what the programs of the two revisions register on Pulumi’s mocks: ` +
            'which resources, with which inputs, from which files. Stacks that are deployed may have drifted from that, ' +
            'and providers are not asked.',
        ]),
    ...stacks.map((each) => section(each, base)),
  ].join('\n\n');
  return cut(`${text}\n`);
}

function section({ stack, preview, comparison, seconds }: StackReport, base?: string): string {
  const { steps, violations, warnings, errors, policyPacks } = preview;
  const counts = [
    ...(steps.length > 0 ? [`${counted(steps.length, 'resource')} to make`] : []),
    `${counted(violations.length, 'policy violation')}${policyPacks.length > 0 ? ` (${policyPacks.join(', ')})` : ''}`,
    counted(warnings.length, 'warning'),
    ...(errors.length > 0 ? [counted(errors.length, 'error')] : []),
    `${seconds.toFixed(0)} s`,
  ];
  return [
    `### ${stack}: ${passes({ preview }) ? 'passes' : 'refused'}`,
    counts.join(' · '),
    ...remarks('Errors', errors),
    ...remarks('Policy violations', violations),
    ...remarks('Warnings', warnings),
    ...(comparison === undefined || base === undefined ? [] : [compared(comparison, base)]),
    ...(steps.length > 0 ? [details('All resources of a new stack', resourceTable(steps))] : []),
  ].join('\n\n');
}

function remarks(title: string, all: readonly Remark[]): string[] {
  if (all.length === 0) return [];
  const lines = all.slice(0, MOST_REMARKS).map(({ resource, policy, message }) => {
    const about = [resource, policy].flatMap((part) => (part ? [shortened(part, 100)] : []));
    const words = shortened(message, MOST_IN_REMARK);
    return about.length > 0 ? `${about.join(', ')}: ${words}` : words;
  });
  const more = all.length - lines.length;
  return [
    `**${title}**`,
    codeBlock([...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n\n')),
  ];
}

const SIGNS: Readonly<Record<Change['operation'], string>> = {
  create: '🟢 create',
  update: '🟡 update',
  replace: '🟠 **replace**',
  delete: '🔴 **delete**',
  rename: '⚪ rename',
};

function compared(comparison: Comparison, base: string): string {
  const title = `**Against ${inlineCode(base)}**`;
  if ('unknown' in comparison)
    return [
      `${title}: there is nothing to compare with.`,
      codeBlock(shortened(comparison.unknown, MOST_IN_REMARK)),
    ].join('\n\n');
  const { changes } = comparison;
  if (changes.length === 0) return `${title}: nothing changes.`;
  const rows = changes.map(({ operation, type, name, reason }) => [
    SIGNS[operation],
    inlineCode(shortened(name, 100)),
    typeName(type),
    inlineCode(shortened(reason, 120)),
  ]);
  return [
    title,
    ...changes.filter(({ loses }) => loses !== undefined).map(warningOf),
    table(['', 'resource', 'type', 'why'], rows, MOST_ROWS),
  ].join('\n\n');
}

/** GitHub's own form of a box that nobody overlooks. */
function warningOf({ name, operation, loses, isProtected }: Change): string {
  const verb = operation === 'delete' ? 'is deleted' : 'is replaced';
  if (loses === 'memory')
    return `> [!NOTE]\n> The volume in memory ${inlineCode(name)} ${verb}: what uses it starts anew.`;
  const consequence = isProtected
    ? 'It is protected, so that `up` will refuse this.'
    : '**What is on it is lost.**';
  return `> [!CAUTION]\n> The volume ${inlineCode(name)} ${verb}. ${consequence}`;
}

function resourceTable(steps: Preview['steps']): string {
  const names = Map.groupBy(steps, ({ type }) => type);
  const rows = [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, all]) => [
      String(all.length),
      typeName(type),
      inlineCode(shortened(all.map(({ name }) => name).join(', '), 400)),
    ]);
  return table(['', 'type', 'names'], rows, MOST_ROWS);
}

/** `docker:index/volume:Volume` as people say it: docker Volume. */
const typeName = (type: string) => inlineCode(`${type.split(':')[0]} ${type.split(':').at(-1)}`);

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The stack that does not fit goes as a whole; the first one only loses its end. A reader is told. */
function cut(text: string): string {
  if (Buffer.byteLength(text) <= MOST_BYTES) return text;
  const fits = Buffer.from(text).subarray(0, MOST_BYTES).toString();
  const heading = fits.lastIndexOf('\n### ');
  const end = heading > fits.indexOf('\n### ') ? heading : fits.lastIndexOf('\n');
  return `${fits.slice(0, end)}\n\n**The rest does not fit into a comment.**\n`;
}
