import { runService } from '../../kit/src/service.ts';
import packageJson from '../package.json' with { type: 'json' };
import { refresherSettings } from './settings.ts';
import { startRefresher } from './start.ts';

await runService({
  service: 'refresher',
  schema: refresherSettings,
  start: ({ settings, log }) => startRefresher({ settings, log, version: packageJson.version }),
});
