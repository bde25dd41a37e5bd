import { runService } from '../../kit/src/service.ts';
import { inspectFiles } from './inspect.ts';
import { SERVICE, startProxy } from './proxy.ts';
import { proxySettings } from './settings.ts';

await runService({
  service: SERVICE,
  schema: proxySettings,
  inspect: inspectFiles,
  start: ({ settings, log }) => startProxy(settings, log),
});
