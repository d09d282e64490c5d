// Values of nft datatypes to text and back, and their names against what the installed nft describes.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DATATYPES,
  datatype,
  formatValue,
  fromBytes,
  parseValue,
  stringValue,
  toBytes,
} from '../../src/nft/datatypes.ts';
import { formatIp6, parseIp6 } from '../../src/nft/datatypes-address.ts';
import { formatDurationMs, parseDurationMs } from '../../src/nft/datatypes-time.ts';

describe('text of a value', () => {
  test.each([
    ['ipv4_addr', '192.168.1.1', 0xc0a80101n, '192.168.1.1'],
    ['ipv6_addr', '2001:db8:0:0:0:0:0:1', 0x20010db8000000000000000000000001n, '2001:db8::1'],
    ['ether_addr', '0:11:22:aa:bb:cc', 0x001122aabbccn, '00:11:22:aa:bb:cc'],
    ['inet_service', 'ssh', 22n, '22'],
    ['inet_service', 'domain', 53n, '53'],
    ['inet_proto', 'icmpv6', 58n, 'ipv6-icmp'],
    ['inet_proto', '6', 6n, 'tcp'],
    ['inet_proto', '200', 200n, '200'],
    ['mark', '10', 10n, '0x0000000a'],
    ['ether_type', '8021q', 0x8100n, '8021q'],
    ['ether_type', '0x1234', 0x1234n, '0x1234'],
    ['dscp', 'ef', 0x2en, 'ef'],
    ['dscp', '0x3f', 0x3fn, '0x3f'],
    ['ct_state', 'established', 2n, 'established'],
    ['icmp_type', 'echo-request', 8n, 'echo-request'],
    ['day', 'sat', 6n, '"Saturday"'],
    ['hour', '17:00', 61200n, '"17:00"'],
    ['hour', '17:00:05', 61205n, '"17:00:05"'],
    ['time', '2024-01-31 12:00', 1706702400000000000n, '"2024-01-31 12:00:00"'],
    ['duration', '1h30m', 5400000n, '1h30m'],
    ['classid', '1:2a', 0x1002an, '1:2a'],
    ['classid', 'root', 0xffffffffn, 'root'],
    ['devgroup', 'default', 0n, '"default"'],
    ['boolean', 'exists', 1n, 'exists'],
    ['ct_label', '5', 32n, '0x20'],
  ])('%s %s is %s and lists as %s', (name, text, value, listed) => {
    expect(parseValue(datatype(name), text)).toBe(value);
    expect(formatValue(datatype(name), value)).toBe(listed);
  });

  test.each([
    ['ipv4_addr', '1.2.3'],
    ['ipv4_addr', '1.2.3.256'],
    ['ipv6_addr', '1:2'],
    ['ipv6_addr', '1::2::3'],
    ['inet_service', 'no-such-service'],
    ['icmp_type', 'echo'],
    ['hour', '25:00'],
    ['time', '2024-01'],
  ])('%s knows no %s', (name, text) => {
    expect(parseValue(datatype(name), text)).toBeUndefined();
  });

  test('interface names are octets padded with NUL', () => {
    expect(toBytes(stringValue('lo', 16), 16, 'big')).toEqual(Uint8Array.from([108, 111, ...new Array(14).fill(0)]));
    expect(formatValue(datatype('ifname'), stringValue('eth0', 16))).toBe('"eth0"');
  });
});

describe('properties', () => {
  test('octets of a value give the value back in both orders', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
        fc.constantFrom('big' as const, 'host' as const),
        (value, order) => {
          expect(fromBytes(toBytes(value, 16, order), order)).toBe(value);
        },
      ),
    );
  });
  test('an IPv6 address reads back from its shortest text', () => {
    const words = fc.array(fc.constantFrom<bigint>(0n, 0n, 1n, 0xffffn, 0xabcdn), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(words, (parts) => {
        const value = parts.reduce<bigint>((sum, part) => (sum << 16n) | part, 0n);
        expect(parseIp6(formatIp6(value))).toBe(value);
      }),
    );
  });
  test('a duration reads back from its text', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 10 }), (milliseconds) => {
        expect(parseDurationMs(formatDurationMs(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});

/** `nft describe TYPE`, or nothing when nft is not installed. */
function described(name: string): string | undefined {
  try {
    return execFileSync('nft', ['describe', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

const named = DATATYPES.filter(
  (type) =>
    'names' in type && !['inet_service', 'mptcp_subtype', 'tcpopt_kind', 'xfrm_dir', 'ecn', 'day'].includes(type.name),
);

describe.skipIf(described('mark') === undefined)('names as the installed nft describes them', () => {
  test.each(named.map((type): [string] => [type.name]))('%s', (name) => {
    const text = described(name) ?? '';
    const rows = [...text.matchAll(/^\t(\S+)\s+(0x[0-9a-f]+|\d+)$/gm)].map((row) => [row[1], row[2]] as const);
    const type = datatype(name);
    for (const [word, number] of rows) {
      const value = BigInt(number ?? '');
      const isSwapped = type.byteOrder === 'big' && (name === 'ether_type' || name === 'arp_op'); // shown as the register has it
      const meant = isSwapped ? fromBytes(toBytes(value, type.bits / 8, 'host'), 'big') : value;
      expect([word, parseValue(type, word ?? '')]).toEqual([word, meant]);
    }
  });
});
