import { runService } from '../../kit/src/service.ts';
import { checkUpstream } from './choice.ts';
import { inspectFiles } from './inspect.ts';
import { SERVICE, startProxy } from './proxy.ts';
import { proxySettings } from './settings.ts';

await runService({
  service: SERVICE,
  schema: proxySettings,
  relate: checkUpstream,
  inspect: inspectFiles,
  start: ({ settings, log }) => startProxy(settings, log),
});
