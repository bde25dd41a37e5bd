/**
 * The token in an Authorization header, by Dremio's own rule (dremio/dremio-oss TokenUtils.java, DACAuthFilter.java):
 * exactly two words of which the first is "bearer" in any case give the second; anything else is the token itself
 * once a leading `_dremio` is removed.
 */
export function tokenFromHeader(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const words = header.trim().split(/\s+/);
  if (words.length === 2 && words[0]?.toLowerCase() === 'bearer') return words[1];
  return tokenForLogout(header);
}

/** The token that `DELETE /apiv2/login` ends: there only the `_dremio` prefix is understood. */
export function tokenForLogout(header: string): string {
  return header.trim().replace(/^_dremio/, '');
}
