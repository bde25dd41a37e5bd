/** `npm run docs`: writes the pages of docs/ that are made from sources. */
import { readFileSync, writeFileSync } from 'node:fs';
import { rulesPage } from './rules-page.ts';
import { settingsPage } from './settings-page.ts';

const file = (path: string) => new URL(`../../${path}`, import.meta.url);

writeFileSync(file('docs/settings.md'), settingsPage(readFileSync(file('Pulumi.yaml'), 'utf8')));
writeFileSync(file('docs/rules.md'), rulesPage());
