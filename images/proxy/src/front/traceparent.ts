/** The place of a request in a trace, as W3C Trace Context writes it (w3.org/TR/trace-context, section 3.2). */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]{0,200})?$/;

/** The value in the form of version 00; undefined when it is malformed and must not be passed on. */
export function readTraceparent(value: unknown): string | undefined {
  const found = typeof value === 'string' ? FORM.exec(value) : null;
  if (!found) return undefined;
  const [, version, trace = '', parent = '', flags = '', more] = found;
  if (version === 'ff' || /^0+$/.test(trace) || /^0+$/.test(parent)) return undefined;
  // What a later version adds is not known here, and must not be passed on under version 00.
  if (version === '00' && more !== undefined) return undefined;
  return `00-${trace}-${parent}-${flags}`;
}
