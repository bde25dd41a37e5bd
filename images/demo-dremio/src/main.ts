import { runService } from '../../kit/src/service.ts';
import packageJson from '../package.json' with { type: 'json' };
import { inspectFiles } from './inspect.ts';
import { startService } from './service.ts';
import { demoSettings } from './settings.ts';

await runService({
  service: 'demo-dremio',
  schema: demoSettings,
  inspect: inspectFiles,
  start: ({ settings, log }) => startService({ settings, log, version: packageJson.version }),
});
