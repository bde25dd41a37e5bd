import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clientFinder, networkWord } from '../../images/proxy/src/front/client-address.ts';

const asked = (remoteAddress: string | undefined, forwarded?: string) => ({
  socket: { remoteAddress },
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
});

describe('the address of a client', () => {
  it('is the peer’s own while nobody is trusted, whatever a header says', () => {
    const find = clientFinder();
    assert.equal(find(asked('192.0.2.1', '198.51.100.9')), '192.0.2.1');
    assert.equal(find(asked('::ffff:192.0.2.1')), '192.0.2.1');
    assert.equal(find(asked('2001:DB8::1')), '2001:db8::1');
    assert.equal(find(asked('fe80::1%eth0')), 'fe80::1');
    assert.equal(find(asked(undefined, '198.51.100.9')), undefined);
  });

  it('is what trusted proxies say, up to the first that is none', () => {
    const find = clientFinder(['10.0.0.0/8', '192.0.2.7', '2001:db8:1::/48']);
    const table: [peer: string, forwarded: string | undefined, client: string][] = [
      ['10.0.3.4', '198.51.100.9', '198.51.100.9'],
      ['::ffff:10.0.3.4', '198.51.100.9', '198.51.100.9'],
      ['10.0.3.4', undefined, '10.0.3.4'],
      ['203.0.113.5', '198.51.100.9', '203.0.113.5'],
      ['10.0.3.4', '203.0.113.66, 198.51.100.9', '198.51.100.9'],
      ['10.0.3.4', '203.0.113.66,198.51.100.9 , 192.0.2.7', '198.51.100.9'],
      ['10.0.3.4', '198.51.100.9, 192.0.2.8', '192.0.2.8'],
      ['10.0.3.4', '10.1.1.1, 10.2.2.2', '10.1.1.1'],
      ['2001:db8:1::5', '[2001:DB8:2::1]:443', '2001:db8:2::1'],
      ['10.0.3.4', '198.51.100.9:5123', '198.51.100.9'],
      ['10.0.3.4', 'unknown', '10.0.3.4'],
      ['10.0.3.4', '198.51.100.9, _hidden, 192.0.2.7', '192.0.2.7'],
      ['10.0.3.4', '', '10.0.3.4'],
      ['10.0.3.4', '198.51.100.9, ', '10.0.3.4'],
      ['10.0.3.4', '198.51.100.9<script>', '10.0.3.4'],
    ];
    for (const [peer, forwarded, client] of table)
      assert.equal(find(asked(peer, forwarded)), client, `${peer} ${forwarded}`);
  });

  it('cannot be chosen by who writes to the left of what a trusted proxy saw', () => {
    const find = clientFinder(['10.0.0.0/8']);
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (made) => {
        assert.equal(find(asked('10.0.3.4', `${made}, 198.51.100.9`)), '198.51.100.9');
      }),
    );
  });

  it('is trusted of networks and addresses alone', () => {
    for (const good of ['10.0.0.0/8', '192.0.2.7', '0.0.0.0/0', '::/0', '2001:db8::/32', '::1'])
      assert.ok(networkWord.test(good), good);
    const bad = ['10.0.0.0/33', '10.0.0/8', 'edge', '10.0.0.0/', '/8', '::1/129', 'fe80::1%eth0'];
    for (const word of [...bad, '10.0.0.0/8/8', '10.0.0.0/-1', '*'])
      assert.ok(!networkWord.test(word), word);
  });
});
