import { runService } from '../../kit/src/service.ts';
import { SERVICE, startProxy } from './proxy.ts';
import { proxySettings } from './settings.ts';

await runService({
  service: SERVICE,
  schema: proxySettings,
  start: ({ settings, log }) => startProxy(settings, log),
});
