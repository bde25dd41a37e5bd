/** What can be said of a service's inputs before the engine sees them. */

import { canonical } from '../canonical.ts';
import { parseGoDuration } from '../duration.ts';
import type { Mount, ServiceInputs } from './service-inputs.ts';

/** What no single input shows to be wrong. */
export function serviceProblems(inputs: ServiceInputs): string[] {
  const { mode, taskSpec, endpointSpec, convergeConfig } = inputs;
  return [
    ...durations(inputs)
      .filter(([, value]) => parseGoDuration(value ?? '0') === undefined)
      .map(([path]) => `${path} must be a duration such as "10s" or "1m30s"`),
    ...(['updateConfig', 'rollbackConfig'] as const)
      .filter((key) => !/^(0?\.\d+|[01](\.0+)?)$/.test(inputs[key]?.maxFailureRatio ?? '0'))
      .map((key) => `${key}.maxFailureRatio must be a number from 0 to 1 as text, such as "0.5"`),
    ...(mode?.global && mode.replicated ? ['mode is either global or replicated'] : []),
    // The provider's schema says so too: it can wait for a number of replicas only.
    ...(mode?.global && convergeConfig
      ? ['convergeConfig waits for replicas, so it cannot be combined with mode.global']
      : []),
    ...(endpointSpec?.mode === 'dnsrr' &&
    endpointSpec.ports?.some(({ publishMode = 'ingress' }) => publishMode !== 'host')
      ? ['endpointSpec.mode "dnsrr" needs publishMode "host" for every port']
      : []),
    ...(taskSpec.networksAdvanceds ?? [])
      .filter(({ id, name }) => !id && !name)
      .map((_, index) => `taskSpec.networksAdvanceds[${index}] needs the id of a network`),
    ...(taskSpec.containerSpec.mounts ?? []).flatMap(mountProblems),
  ];
}

function durations({ taskSpec, updateConfig, rollbackConfig, convergeConfig }: ServiceInputs) {
  const { containerSpec, restartPolicy } = taskSpec;
  const { healthcheck } = containerSpec;
  const named: [string, string | undefined][] = [
    ['taskSpec.containerSpec.stopGracePeriod', containerSpec.stopGracePeriod],
    ['taskSpec.containerSpec.healthcheck.interval', healthcheck?.interval],
    ['taskSpec.containerSpec.healthcheck.timeout', healthcheck?.timeout],
    ['taskSpec.containerSpec.healthcheck.startPeriod', healthcheck?.startPeriod],
    ['taskSpec.restartPolicy.delay', restartPolicy?.delay],
    ['taskSpec.restartPolicy.window', restartPolicy?.window],
    ['updateConfig.delay', updateConfig?.delay],
    ['updateConfig.monitor', updateConfig?.monitor],
    ['rollbackConfig.delay', rollbackConfig?.delay],
    ['rollbackConfig.monitor', rollbackConfig?.monitor],
    ['convergeConfig.delay', convergeConfig?.delay],
    ['convergeConfig.timeout', convergeConfig?.timeout],
  ];
  return named;
}

function mountProblems({ type, source, volumeOptions, tmpfsOptions }: Mount, index: number) {
  const at = `taskSpec.containerSpec.mounts[${index}]`;
  return type === 'tmpfs'
    ? [
        ...(source === undefined ? [] : [`${at}.source has no meaning for a tmpfs`]),
        ...(volumeOptions === undefined ? [] : [`${at}.volumeOptions are for volumes`]),
      ]
    : tmpfsOptions === undefined
      ? []
      : [`${at}.tmpfsOptions are for a tmpfs`];
}

/**
 * Inputs within others that need a new service, as in the provider's schema (resource_docker_service.go v4.5.0,
 * ForceNew); of the mode only its kind, which Swarm cannot change.
 */
export function needsNewService(before: ServiceInputs, after: ServiceInputs): string[] {
  const inner: [string, (inputs: ServiceInputs) => unknown][] = [
    ['mode.global', ({ mode }) => mode?.global === true],
    ['taskSpec.containerSpec.hosts', ({ taskSpec }) => taskSpec.containerSpec.hosts ?? []],
    ['taskSpec.containerSpec.sysctl', ({ taskSpec }) => taskSpec.containerSpec.sysctl ?? {}],
    ['taskSpec.networksAdvanceds', ({ taskSpec }) => taskSpec.networksAdvanceds ?? []],
  ];
  return inner
    .filter(([, read]) => canonical(read(before)) !== canonical(read(after)))
    .map(([path]) => path);
}
