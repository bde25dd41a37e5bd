import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Colours for one stream: none when it is no terminal, or NO_COLOR asks for none. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly accent: (text: string) => string;
}

export function styleFor(stream: NodeJS.WritableStream): Style {
  const paint = (format: Format) => (text: string) => styleText(format, text, { stream });
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint('green'),
    bad: paint('red'),
    warning: paint('yellow'),
    accent: paint('cyan'),
  };
}
