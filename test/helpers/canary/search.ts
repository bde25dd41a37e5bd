/** Searches samples of the surfaces on which a secret may show. */
import type { Detector, Hit } from './detector.ts';

/** Everything that anyone but its owner gets to see of a stack. */
export const SURFACES = {
  logs: 'the logs of containers and services, those that ended among them',
  engine: 'what the engine says of containers, services, tasks, secrets, networks, volumes, images',
  images: 'the history and the layers of the images',
  filesystems: 'the file systems of the containers',
  processes: 'the arguments and environments of processes',
  answers: 'answers over HTTP, errors and metrics among them',
  commands: 'what the commands say and keep',
  audit: 'the audit',
  crashes: 'what a crash leaves',
  packages: 'the package, the lists of what is in images, the history of the repository',
  requests: 'what Dremio and the official MCP server get',
  machine: 'shell histories and temporary files',
} as const;
export type Surface = keyof typeof SURFACES;
export const surfaces = Object.keys(SURFACES) as Surface[];

export interface Sample {
  readonly surface: Surface;
  /** Where a reader would look for it, such as `container x: /path`. */
  readonly where: string;
  readonly content: Buffer | string | AsyncIterable<Buffer>;
}

export interface Finding extends Hit {
  readonly surface: Surface;
  readonly where: string;
}

/** A place where a secret belongs. */
export interface Allowance {
  readonly secret: string;
  /** The whole of a sample's `where`, or what must fit it. */
  readonly where: RegExp | string;
  readonly why: string;
}

export class Searched {
  readonly findings: Finding[] = [];
  /** How much was looked through, by surface. */
  readonly bytes = new Map<Surface, number>();

  async add(detector: Detector, { surface, where, content }: Sample): Promise<void> {
    const scan = detector.open();
    if (typeof content === 'string') scan.push(Buffer.from(content));
    else if (Buffer.isBuffer(content)) scan.push(content);
    else for await (const chunk of content) scan.push(chunk);
    this.bytes.set(surface, (this.bytes.get(surface) ?? 0) + scan.bytes);
    for (const { secret, form } of scan.hits) this.findings.push({ surface, where, secret, form });
  }

  /** Findings of a surface that nothing allows, as lines for a reader. */
  leaks(surface: Surface, allowances: readonly Allowance[]): readonly string[] {
    const leaks = this.findings
      .filter((finding) => finding.surface === surface)
      .filter((finding) => !allowances.some((allowance) => allows(allowance, finding)))
      .map(({ secret, form, where }) => `${secret} (${form}) in ${where}`);
    return [...new Set(leaks)];
  }

  /** Allowances that no finding needed: out of date, or a place that was not looked at. */
  unneeded(allowances: readonly Allowance[]): readonly Allowance[] {
    return allowances.filter(
      (allowance) => !this.findings.some((finding) => allows(allowance, finding)),
    );
  }
}

const allows = ({ secret, where }: Allowance, finding: Finding) =>
  secret === finding.secret &&
  (typeof where === 'string' ? where === finding.where : where.test(finding.where));

/** Looks through samples one after the other, since some can be read only once and in order. */
export async function search(
  detector: Detector,
  samples: AsyncIterable<Sample>,
): Promise<Searched> {
  const searched = new Searched();
  for await (const sample of samples) await searched.add(detector, sample);
  return searched;
}
