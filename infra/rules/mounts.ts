/** What a container has mounted; containers and services write it alike. */
import { record, text } from './inputs.ts';

type DriverOptions = Readonly<Record<string, unknown>>;

export interface Mount {
  readonly kind: 'bind' | 'volume' | 'tmpfs' | 'other';
  /** Name of the volume or path on the host; empty for an anonymous volume. */
  readonly source: string;
  readonly target: string;
  readonly driverOptions: DriverOptions;
}

const kinds = ['bind', 'volume', 'tmpfs'] as const;

export function mount(given: unknown): Mount {
  const { type, source, target, volumeOptions } = record(given);
  return {
    kind: kinds.find((kind) => kind === type) ?? 'other',
    source: text(source),
    target: text(target),
    driverOptions: record(record(volumeOptions).driverOptions),
  };
}

/** A folder of the host that comes as a volume (`mount --bind`). */
export const isBind = ({ o, type }: DriverOptions): boolean =>
  type === 'bind' || /(^|,)r?bind(,|$)/.test(text(o));

/** Gone with the machine's memory: nothing that could be kept. */
export const isInMemory = ({ type }: DriverOptions): boolean => type === 'tmpfs';
