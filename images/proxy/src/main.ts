import { EXIT, runService } from '../../kit/src/service.ts';
import { AllowListError } from './front/hosts.ts';
import { KeyFileError } from './front/keys.ts';
import { SERVICE, startProxy } from './proxy.ts';
import { proxySettings } from './settings.ts';

await runService({
  service: SERVICE,
  schema: proxySettings,
  start: async ({ settings, log }) => {
    try {
      return await startProxy(settings, log);
    } catch (error) {
      // Files and lists that settings name are settings too: wrong ones end the process the same way.
      if (!(error instanceof KeyFileError || error instanceof AllowListError)) throw error;
      log.error('setting_wrong', { problem: error.message });
      process.exit(EXIT.settings);
    }
  },
});
