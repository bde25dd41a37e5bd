import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** A registry with the process's own metrics and `lakehouse_build_info{service,version}` = 1. */
export function createRegistry({
  service,
  version,
}: {
  service: string;
  version: string;
}): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'lakehouse_build_info',
    help: 'Version of the running service; always 1.',
    labelNames: ['service', 'version'],
    registers: [registry],
  }).set({ service, version }, 1);
  return registry;
}
