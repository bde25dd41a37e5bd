/** A refresher in simulated time that passes as many ticks as its parent asks for, then collects its garbage. */
import { createLogger } from '../../images/kit/src/logger.ts';
import { readSettings } from '../../images/kit/src/settings.ts';
import { refresherSettings } from '../../images/refresher/src/settings.ts';
import { startRefresher } from '../../images/refresher/src/start.ts';
import { SteppedClock } from '../../test/helpers/stepped-clock.ts';

const clock = new SteppedClock();
const settings = readSettings(refresherSettings, process.env);
await startRefresher({
  settings,
  log: createLogger({ service: 'refresher', level: 'info' }),
  version: '0',
  clock: clock.participant(),
});

/** In the minutes between two ticks V8 would collect; here it is told to, now and then. */
const TICKS_BETWEEN_COLLECTIONS = 100;

process.on('message', async (ticks: number) => {
  for (let passed = 0; passed < ticks; passed += TICKS_BETWEEN_COLLECTIONS) {
    await clock.advance(TICKS_BETWEEN_COLLECTIONS * settings.checkInterval * 1000);
    gc?.();
  }
  process.send?.(process.cpuUsage());
});
process.send?.('ready');
