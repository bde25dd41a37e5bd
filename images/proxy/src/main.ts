import { runService } from '../../kit/src/service.ts';
import { inspectSettings } from '../../kit/src/settings.ts';
import { checkUpstream } from './choice.ts';
import { inspectFiles } from './inspect.ts';
import { SERVICE, startProxy } from './proxy.ts';
import { proxySettings } from './settings.ts';

const USAGE = `Usage: proxy        serves until it is stopped
       proxy check  looks at settings, files, keys, token, Dremio, refresher and server, and says what is wrong
`;
/** The command was used wrongly (sysexits.h). */
const EXIT_USAGE = 64;

const [command, ...more] = process.argv.slice(2);
if (command === undefined)
  await runService({
    service: SERVICE,
    schema: proxySettings,
    relate: checkUpstream,
    inspect: inspectFiles,
    start: ({ settings, log }) => startProxy(settings, log),
  });
else if (command === 'check' && more.length === 0) {
  // Loaded only when asked for: the service does not pay for it.
  const { runCheck } = await import('./check.ts');
  const write = (line: string) => process.stdout.write(line);
  process.exitCode = await runCheck(inspectSettings(proxySettings, process.env), write);
} else {
  process.stderr.write(USAGE);
  process.exitCode = command === '--help' ? 0 : EXIT_USAGE;
}
