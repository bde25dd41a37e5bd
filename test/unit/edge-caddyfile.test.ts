import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caddyfile, type EdgeOptions } from '../../infra/edge/caddyfile.ts';

const PLAIN: EdgeOptions = {
  tls: 'files',
  domain: 'mcp.example',
  httpsPort: 443,
  httpPort: 80,
  pathPrefix: '',
  upstream: { name: 'tasks.lakehouse-prod-proxy', port: 8080 },
  trustedProxies: [],
  maxBodyBytes: 4_194_304,
  logLevel: 'info',
};
const textOf = (options: Partial<EdgeOptions> = {}) => caddyfile({ ...PLAIN, ...options });
const has = (text: string, ...lines: string[]) => {
  const there = new Set(text.split('\n').map((line) => line.trim()));
  for (const line of lines) assert.ok(there.has(line), `"${line}" is missing in:\n${text}`);
};
const lacks = (text: string, pattern: RegExp) => assert.doesNotMatch(text, pattern);

describe('the Caddyfile of the edge', () => {
  it('closes every block and ends in a line break', () => {
    for (const tls of ['acme', 'files', 'none'] as const) {
      const text = textOf({ tls, pathPrefix: '/lakehouse', trustedProxies: ['10.0.0.0/8'] });
      const opened = text.match(/\{$/gm)?.length;
      assert.equal(text.match(/^\t*\}$/gm)?.length, opened);
      assert.match(text, /\}\n$/);
    }
  });

  it('has no way to change Caddy while it runs, and keeps nothing of its configuration', () => {
    has(textOf(), 'admin off', 'persist_config off');
  });

  it('takes certificate and key from secret files, and never asks anyone for a certificate then', () => {
    const text = textOf();
    has(text, 'https://mcp.example:8443 {', 'tls /run/secrets/tls.crt /run/secrets/tls.key');
    has(text, 'auto_https off', 'default_sni mcp.example');
    lacks(text, /issuer/);
  });

  it('writes to its storage only where certificates are kept there', () => {
    for (const tls of ['files', 'none'] as const)
      has(textOf({ tls }), 'storage_clean_interval off');
    lacks(textOf({ tls: 'acme' }), /storage_clean_interval/);
  });

  it('gets a certificate from an ACME server of its own, with address and root', () => {
    const acme = {
      email: 'ops@mcp.example',
      directory: 'https://ca.example/dir',
      caFile: '/run/secrets/acme-ca.crt',
    };
    const text = textOf({ tls: 'acme', acme });
    has(text, 'issuer acme {', 'dir https://ca.example/dir', 'email ops@mcp.example');
    has(text, 'trusted_roots /run/secrets/acme-ca.crt', 'auto_https disable_redirects');
    lacks(text, /tls\.crt|disable_http_challenge/);
  });

  it('leaves out what ACME does not need', () => {
    const text = textOf({ tls: 'acme' });
    has(text, 'issuer acme {');
    lacks(text, /\bdir |email|trusted_roots/);
  });

  it('does without the challenge over plain HTTP where there is none', () => {
    const text = textOf({ tls: 'acme', httpPort: 0 });
    has(text, 'disable_http_challenge');
    lacks(text, /http:\/\/:8080|redir /);
  });

  it('serves plain HTTP under every name where TLS ends elsewhere, and promises no TLS', () => {
    const text = textOf({ tls: 'none' });
    has(text, 'http://:8080 {');
    lacks(text, /8443 \{|Strict-Transport-Security|redir |default_sni/);
  });

  it('sends plain HTTP to the published port', () => {
    has(textOf(), 'redir https://mcp.example{uri} 308');
    has(textOf({ httpsPort: 8443 }), 'redir https://mcp.example:8443{uri} 308');
  });

  it('forwards one path, below the prefix', () => {
    const metadata = '/.well-known/oauth-protected-resource';
    has(textOf(), `@served path /mcp ${metadata} ${metadata}/*`);
    lacks(textOf(), /strip_prefix/);
    const text = textOf({ pathPrefix: '/lakehouse' });
    has(text, `@served path /lakehouse/mcp ${metadata} ${metadata}/*`);
    has(text, 'uri strip_prefix /lakehouse');
    assert.match(text, /"status":404,"detail":"MCP is served at \/lakehouse\/mcp"/);
  });

  it('looks for the proxies by name, and sends a call where it has looked', () => {
    const text = textOf({ upstream: { name: 'tasks.mine', port: 8081 } });
    has(text, 'dynamic a tasks.mine 9090 {', 'refresh 1s', 'rewrite /livez?');
    has(text, 'reverse_proxy {http.reverse_proxy.upstream.host}:8081 {');
    has(text, 'lb_policy header Mcp-Session-Id {');
  });

  it('waits for an answer for longer than a call may take', () => {
    has(textOf(), 'response_header_timeout 150s');
    has(textOf({ callTimeoutSeconds: 600 }), 'response_header_timeout 630s');
  });

  it('never retries the request of a client', () => {
    const [, call = ''] = textOf().split('reverse_proxy {http.reverse_proxy.upstream.host}');
    lacks(call.slice(0, call.indexOf('compression off')), /lb_|fail_duration/);
  });

  it('believes X-Forwarded-* headers from trusted proxies alone', () => {
    lacks(textOf(), /trusted_proxies/);
    has(
      textOf({ trustedProxies: ['10.0.0.0/8', 'fd00::/8'] }),
      'trusted_proxies static 10.0.0.0/8 fd00::/8',
      'trusted_proxies_strict',
    );
  });

  it('limits bodies, and logs from the level that is set', () => {
    has(textOf({ maxBodyBytes: 1000 }), 'max_size 1000');
    has(textOf({ logLevel: 'warn' }), 'level WARN');
  });

  it('asks up to three proxies whether one is ready', () => {
    assert.equal(textOf().match(/rewrite \/readyz\?/g)?.length, 3);
  });

  for (const [option, options] of [
    ['domain', { domain: 'mcp.example {' }],
    ['pathPrefix', { pathPrefix: '/a\nadmin :2019' }],
    ['trustedProxies', { trustedProxies: ['10.0.0.0/8 0.0.0.0/0'] }],
    ['upstream.name', { upstream: { name: '{$HOME}', port: 8080 } }],
    ['acme.email', { tls: 'acme', acme: { email: 'a"b@mcp.example' } }],
    ['logLevel', { logLevel: '' }],
  ] as const)
    it(`refuses a value of ${option} that would be more than one word`, () => {
      assert.throws(() => textOf(options as Partial<EdgeOptions>), {
        message: new RegExp(`^${option.replace('.', '\\.')} is .*; expected one word`),
      });
    });
});
