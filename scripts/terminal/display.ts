import { jsonDisplay } from './json.ts';
import { liveDisplay } from './live.ts';
import { plainDisplay } from './plain.ts';
import { chooseForm, type Display } from './tasks.ts';

/** The display of a command on stdout, as its options and the terminal ask for. */
export function openDisplay(options: { json: boolean }): Display {
  switch (chooseForm(options, process.stdout, process.env)) {
    case 'json':
      return jsonDisplay(process.stdout);
    case 'live':
      return liveDisplay(process.stdout);
    case 'plain':
      return plainDisplay(process.stdout);
  }
}
