/** What the edge itself answers, and what it adds to every answer. */
import { STATUS_CODES } from 'node:http';
import { block, type Lines, when } from './text.ts';

/** 180 days. Neither other names of the domain nor a preload list: those are not this program's to promise. */
const HSTS = 'Strict-Transport-Security max-age=15552000';

/** Headers of every answer. `-` makes Caddy apply the block last, so that it holds for what proxies answer too. */
export const headers = (encrypted: boolean): Lines =>
  block(
    'header',
    ...when(encrypted, HSTS),
    'X-Content-Type-Options nosniff',
    'Referrer-Policy no-referrer',
    '?Cache-Control no-store',
    '-Server',
    '-Via',
  );

/** Answers with a problem (RFC 9457); `detail` is plain text without quotes. */
export const problem = (status: number, detail: string): Lines => [
  'header Content-Type application/problem+json',
  `respond \`${JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail })}\` ${status}`,
];

/** What Caddy could not do becomes a problem without its cause, which is for the log alone. */
export const failures = (encrypted: boolean): Lines =>
  block(
    'handle_errors',
    'log_append error {err.message}',
    ...headers(encrypted),
    'header Content-Type application/problem+json',
    '@later expression `{err.status_code} in [502, 503, 504]`',
    'header @later Retry-After 2',
    'respond `{"type":"about:blank","title":"{err.status_text}","status":{err.status_code}}` {err.status_code}',
  );
