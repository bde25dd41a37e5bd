import { CommandError } from '../command-error.ts';

/** What helps with failures that the engine of deployment reports in its own words. */
const KNOWN: readonly { sign: RegExp; advice: readonly string[] }[] = [
  {
    sign: /no space left on device/i,
    advice: [
      'The disk of the Docker engine is full. See what it keeps: docker system df',
      'Remove what nothing uses: docker system prune',
      'Then go on where it stopped: npm run up',
    ],
  },
];

/** The error of a deployment that failed, with advice where the reason is a known one. */
export function failedDeployment(message: string, cause: unknown): CommandError {
  const advice = KNOWN.find(({ sign }) => sign.test(message))?.advice ?? [];
  return new CommandError(message, { advice, cause });
}
