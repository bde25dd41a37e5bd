import { EXIT, runService } from '../../kit/src/service.ts';
import { SettingsError } from '../../kit/src/settings.ts';
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
      if (!(error instanceof SettingsError)) throw error;
      for (const problem of error.problems) log.error('setting_wrong', { problem });
      process.exit(EXIT.settings);
    }
  },
});
