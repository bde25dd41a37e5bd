/** Takes out of text what looks like a credential, whoever's it is. */

/** A bearer credential, or a Dremio login token. */
const BEARER = /\b(bearer\s+|_dremio)[A-Za-z0-9\-._~+/]{8,}=*/gi;
/** A quoted value that SQL gives to something secret: IDENTIFIED BY '…', password = '…', secret_key => '…'. */
const SQL_SECRET =
  /(identified\s{1,8}by|(?:password|passwd|pwd|secret|token|credential|api_?key|access_?key)\w{0,64}["`]?)(\s{0,8}(?:=>|:=|=|:)?\s{0,8})('(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$))/gi;

export const redactBearers = (text: string): string => text.replace(BEARER, '$1[redacted]');

export const redactSql = (sql: string): string =>
  redactBearers(sql.replace(SQL_SECRET, "$1$2'[redacted]'"));
