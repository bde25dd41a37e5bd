import { EXIT } from '../command-error.ts';
import { forStack } from '../command-words.ts';
import { diagnose, type Finding } from '../doctor/diagnose.ts';
import { styleFor } from '../terminal/style.ts';

export interface DoctorOptions {
  readonly stack: string;
  readonly json: boolean;
}

/** Checks everything that a deployment needs, and the stack if there is one. @returns exit code 1 on a problem */
export async function doctor(project: string, options: DoctorOptions): Promise<number> {
  const style = styleFor(process.stdout);
  const findings: Finding[] = [];
  for await (const found of diagnose(project, options.stack)) {
    const fix = found.fix?.map((line) => forStack(line, options.stack));
    const text = forStack(found.text, options.stack);
    const finding: Finding = { ...found, text, ...(fix === undefined ? {} : { fix }) };
    findings.push(finding);
    if (options.json) continue;
    const sign = { ok: style.good('✓'), problem: style.bad('✗'), note: style.dim('·') }[
      finding.kind
    ];
    process.stdout.write(`${sign} ${finding.check.padEnd(22)} ${finding.text}\n`);
    for (const line of finding.fix ?? [])
      process.stdout.write(`${' '.repeat(25)}${style.accent(line)}\n`);
  }
  const problems = findings.filter(({ kind }) => kind === 'problem').length;
  if (options.json) process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
  else
    process.stdout.write(
      problems === 0
        ? '\nNo problem found.\n'
        : `\n${problems === 1 ? '1 problem' : `${problems} problems`}; what fixes each stands below it.\n`,
    );
  return problems === 0 ? EXIT.ok : EXIT.failed;
}
