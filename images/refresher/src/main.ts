import { runService } from '../../kit/src/service.ts';
import packageJson from '../package.json' with { type: 'json' };
import { inspectFiles } from './inspect.ts';
import { refresherSettings } from './settings.ts';
import { startRefresher } from './start.ts';

await runService({
  service: 'refresher',
  schema: refresherSettings,
  inspect: inspectFiles,
  start: ({ settings, log }) => startRefresher({ settings, log, version: packageJson.version }),
});
