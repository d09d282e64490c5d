import { describe, expect, it } from 'vitest';
import { formatAddress, formatMac, inPrefix, parseAddress, parseMac, parsePrefix } from '../../src/packet/address.ts';

describe('addresses', () => {
  it.each([
    ['192.168.1.1', '192.168.1.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::', 'fe80::'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text) ?? new Uint8Array())).toBe(canonical);
  });

  it.each(['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', ':::', 'g::1'])('%j is no address', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['192.168.1.128/25', '192.168.1.127', false],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['2001:db8::/32', '10.0.0.1', false],
  ])('%s holds %s: %s', (prefix, address, expected) => {
    const parsed = parsePrefix(prefix);
    expect(parsed && inPrefix(parseAddress(address) ?? new Uint8Array(), parsed)).toBe(expected);
  });

  it('reads and writes MAC addresses', () => {
    expect(formatMac(parseMac('2:EE:0:0:0:fe') ?? new Uint8Array())).toBe('02:ee:00:00:00:fe');
    expect(parseMac('02:ee:00:00:00')).toBeUndefined();
  });
});
