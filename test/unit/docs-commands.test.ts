/** What the pages tell a reader to type, and where they lead. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseChanges } from '../../scripts/config/arguments.ts';
import { fullKey } from '../../scripts/config/keys.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const markdownIn = (folder: string) =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => `${folder}${name}`);
const pages = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs/'), ...markdownIn('images/')];

/** Options of each command of the tool, as scripts/cli.ts declares them: its own, and those that several share. */
const [head = '', body = ''] = read('scripts/cli.ts').split('function program()');
const optionsIn = (text: string) => text.match(/--[a-z][a-z-]*/g) ?? [];
const shared = head
  .split(/^const /m)
  .map((part) => [/^\w*/.exec(part)?.[0], optionsIn(part)] as const);
const declared = new Map(
  body
    .split(".command('")
    .slice(1)
    .map((part) => {
      const used = shared.filter(([name]) => name && part.includes(`${name}(`));
      const options = [...optionsIn(part), ...used.flatMap(([, some]) => some)];
      return [part.slice(0, part.indexOf("'")), new Set(options)] as const;
    }),
);
const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;

interface Shown {
  readonly command: string;
  readonly words: readonly string[];
}

/** Every `npm run …`, to the end of its code, before a comment, a redirection or another command. */
function commandsIn(text: string): Shown[] {
  const joined = text.replaceAll(/\s*\\\n\s*/g, ' ');
  const found = joined.matchAll(/npm run (?:-s )?([a-z:]+)(?: --((?: [^`|\n#;&]*)?))?/g);
  return [...found].map(([, command = '', rest = '']) => {
    const [before = ''] = rest.split(/ [<>] /);
    return { command, words: before.match(/'[^']*'|"[^"]*"|\S+/g) ?? [] };
  });
}

/** What is wrong with a command; a value that is left to the reader (`…`, `<name>`, `@file`) is not judged. */
function problemsWith({ command, words }: Shown): string[] {
  const options = declared.get(command);
  if (!(command in scripts)) return [`there is no "npm run ${command}"`];
  if (options === undefined) return [];
  return words.flatMap((word, index) => {
    if (!/^--[a-z]/.test(word)) return [];
    if (!options.has(word)) return [`"${command}" has no option ${word}`];
    const value = words[index + 1] ?? '';
    try {
      if (word === '--set' && /[…<]|=@/.test(value)) fullKey(value.split('=')[0] ?? '');
      else if (word === '--set') parseChanges({ set: [value] });
      else if (word === '--set-secret') parseChanges({ setSecret: [value] });
      else if (word === '--unset' && !value.startsWith('<')) parseChanges({ unset: [value] });
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
}

/** As GitHub makes anchors of headings. */
const anchorsOf = (text: string) =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );

const brokenLinks = (page: string) =>
  [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const file = new URL(path, new URL(page, root));
    if (!existsSync(file)) return [`${target}: there is no such file`];
    if (anchor === undefined || anchorsOf(readFileSync(file, 'utf8')).has(anchor)) return [];
    return [`${target}: it has no such heading`];
  });

describe('the pages', () => {
  it('are all looked at, and so are all commands', () => {
    assert.ok(pages.length > 15, pages.join());
    assert.ok(declared.size >= 11 && pages.flatMap((page) => commandsIn(read(page))).length > 100);
  });

  for (const page of pages) {
    it(`${page} names commands, options and settings that there are`, () =>
      assert.deepEqual(commandsIn(read(page)).flatMap(problemsWith), []));

    it(`${page} leads to files and headings that there are`, () =>
      assert.deepEqual(brokenLinks(page), []));
  }

  it('with something else are found out', () => {
    const shown = '`npm run up -- --set demoo=true --sett x` npm run nothing\n';
    const wrong = '`npm run up -- --stack prod \\\n --set tlsMode=on --set-secret domain=x`';
    assert.deepEqual(commandsIn(shown + wrong).flatMap(problemsWith), [
      'There is no setting "demoo". Did you mean "demo"?',
      '"up" has no option --sett',
      'there is no "npm run nothing"',
      'tlsMode cannot be "on"; expected one of acme, files, internal, none.',
      '--set-secret takes the name alone: other users of this machine see arguments, and shells keep them.',
    ]);
  });
});
