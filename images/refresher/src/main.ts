import { runService } from '../../kit/src/service.ts';
import { inspectSettings } from '../../kit/src/settings.ts';
import packageJson from '../package.json' with { type: 'json' };
import { inspectAtStart } from './inspect.ts';
import { refresherSettings } from './settings.ts';
import { startRefresher } from './start.ts';

const USAGE = `Usage: refresher                  keeps the token fresh until it is stopped
       refresher check [--login]  looks at settings, files, Dremio and token, and says what is wrong;
                                  --login logs in once besides, and out again
`;
/** The command was used wrongly (sysexits.h). */
const EXIT_USAGE = 64;

const [command, ...options] = process.argv.slice(2);
if (command === undefined)
  await runService({
    service: 'refresher',
    schema: refresherSettings,
    inspect: inspectAtStart,
    start: ({ settings, log }) => startRefresher({ settings, log, version: packageJson.version }),
  });
else if (command === 'check' && options.every((option) => option === '--login')) {
  // Loaded only when asked for: the service does not pay for it.
  const { runCheck } = await import('./check.ts');
  const inspection = inspectSettings(refresherSettings, process.env);
  const write = (line: string) => process.stdout.write(line);
  process.exitCode = await runCheck(inspection, options.length > 0, write);
} else {
  process.stderr.write(USAGE);
  process.exitCode = command === '--help' ? 0 : EXIT_USAGE;
}
