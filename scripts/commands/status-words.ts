/** Words of the status that containers and tasks have in common. */
import type { ServiceStatus } from '../stack/stack-status.ts';
import { formatDuration } from '../terminal/duration.ts';
import type { Style } from '../terminal/style.ts';

export function stateText(service: ServiceStatus, style: Style): string {
  if (service.state !== 'running') {
    const why = service.outOfMemory ? 'out of memory' : `exit code ${service.exitCode}`;
    return style.bad(service.state === 'exited' ? `exited (${why})` : service.state);
  }
  if (!service.asked) return style.good('running');
  return service.ready ? style.good('ready') : style.bad('not ready');
}

export function imageText({ image, imageTags }: ServiceStatus): string {
  return imageTags[0] ?? image.replace('sha256:', '').slice(0, 12);
}

export function since(time: string, now: Date): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? '-' : formatDuration(Math.max(0, now.getTime() - at));
}
