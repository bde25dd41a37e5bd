import { type Answer, plain, Refusal, refuse } from './answer.ts';
import type { Call } from './route.ts';

const isJson = (contentType: string | undefined): boolean =>
  contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json';

/** Dremio's answer to a body that is not JSON (RestApiJsonParseExceptionMapper.java). */
const notJson = (): Answer => plain(400, 'Could not parse the body: it is not valid JSON');

/**
 * The JSON value of a request's body; `undefined` for an empty one.
 * @throws Refusal 415 for another content type, 400 as plain text for anything but JSON.
 */
export function jsonBody(call: Call): unknown {
  if (!isJson(call.contentType) && (call.body !== '' || call.contentType !== undefined))
    throw refuse(415, 'HTTP 415 Unsupported Media Type');
  if (call.body.trim() === '') return undefined;
  try {
    return JSON.parse(call.body);
  } catch {
    throw new Refusal(notJson());
  }
}

/** The JSON object of a request's body. @throws Refusal 400 when it is another JSON value or empty. */
export function jsonObject(call: Call): Readonly<Record<string, unknown>> {
  const value = jsonBody(call);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(notJson());
  return value as Record<string, unknown>;
}

/** A field that must be text when it is there. @throws Refusal 400 when it is something else. */
export function textField(
  object: Readonly<Record<string, unknown>>,
  name: string,
): string | undefined {
  const value = object[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw refuse(400, `The field "${name}" must be a string`);
  return value;
}
