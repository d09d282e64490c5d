import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fib, type Route } from '../../src/net/fib.ts';
import { formatWords, Interfaces, words } from '../../src/net/interfaces.ts';
import { linearPrefixMatch } from '../../src/net/prefix-table.ts';
import type { RouterSpec } from '../../src/net/spec.ts';
import { formatIpv4, parseAddress } from '../../src/packet/address.ts';
import { iface, routerSpec } from './fixture.ts';

function build(more: Partial<RouterSpec> = {}): Fib {
  const spec = routerSpec(more);
  return new Fib(spec, new Interfaces(spec));
}
function address(text: string): Uint32Array {
  return words(parseAddress(text) ?? new Uint8Array(4));
}
function lookup(fib: Fib, text: string, oif = 0): Route | undefined {
  const a = address(text);
  return a.length === 1 ? fib.lookup4(a[0] ?? 0, 0, oif) : fib.lookup6(a, 0, 0, oif);
}
function shown(route: Route | undefined): string {
  if (route === undefined) return 'none';
  const via = route.gateway6 ? formatWords(route.gateway6) : route.gateway4 ? formatIpv4(route.gateway4) : '';
  return `${route.kind} ${route.oif.name}${via ? ` via ${via}` : ''}`;
}

describe('lookup', () => {
  test.each([
    ['192.168.1.1', 'local lan0'],
    ['192.168.1.77', 'unicast lan0'],
    ['192.168.1.255', 'broadcast lan0'],
    ['192.168.1.0', 'unicast lan0'],
    ['127.0.0.5', 'local lo'],
    ['8.8.8.8', 'unicast wan0 via 203.0.113.254'],
    ['fd00:1::1', 'local lan0'],
    ['fd00:1::', 'local lan0'],
    ['fd00:1::77', 'unicast lan0'],
    ['::1', 'local lo'],
    ['2600::1', 'unicast wan0 via 2001:db8:2::fe'],
    ['10.1.2.3', 'blackhole lo'],
    ['10.2.2.3', 'unicast lan0 via 192.168.1.9'],
    ['10.3.0.1', 'none'],
    ['10.4.0.1', 'prohibit lo'],
    ['2001:db8:9::1', 'unreachable lo'],
  ])('%s is %s', (text, expected) => {
    const fib = build({
      routes: [
        ...routerSpec().routes,
        { dst: '10.0.0.0/8', type: 'blackhole' },
        { dst: '10.2.0.0/16', via: '192.168.1.9', type: 'unicast' },
        { dst: '10.3.0.0/16', type: 'throw' },
        { dst: '10.4.0.0/16', type: 'prohibit' },
        { dst: '2001:db8:9::/48', type: 'unreachable' },
      ],
    });
    expect(shown(lookup(fib, text))).toBe(expected);
    expect(shown(lookup(fib, text))).toBe(expected);
  });

  test('of equal prefixes the lowest metric wins, and oif picks among them', () => {
    const fib = build({
      routes: [
        { dst: '10.0.0.0/8', via: '203.0.113.9', type: 'unicast', metric: 20 },
        { dst: '10.0.0.0/8', via: '192.168.1.9', type: 'unicast', metric: 10 },
        { dst: '0.0.0.0/0', via: '203.0.113.254', type: 'unicast' },
      ],
    });
    expect(shown(lookup(fib, '10.0.0.1'))).toBe('unicast lan0 via 192.168.1.9');
    expect(shown(lookup(fib, '10.0.0.1', 2))).toBe('unicast wan0 via 203.0.113.9');
    expect(shown(lookup(fib, '11.0.0.1', 1))).toBe('none');
    expect(shown(lookup(fib, '192.168.1.5', 2))).toBe('unicast wan0 via 203.0.113.254');
  });

  test('the answer is that of a linear search over all routes, cached or not', () => {
    const octet = fc.constantFrom(0, 1, 2, 10, 128, 192, 255);
    const ip = fc.tuple(octet, octet, octet, octet).map((o) => o.join('.'));
    const rows = fc.array(fc.tuple(ip, fc.nat(32)), { maxLength: 25 });
    fc.assert(
      fc.property(rows, fc.array(ip, { minLength: 1, maxLength: 30 }), (prefixes, addresses) => {
        const fib = build({ routes: prefixes.map(([dst, n]) => ({ dst: `${dst}/${n}`, type: 'blackhole' as const })) });
        for (const text of [...addresses, ...addresses]) {
          expect(lookup(fib, text)).toBe(fib.routes4[linearPrefixMatch(fib.routes4, address(text))]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    [{ dst: '10.0.0.0/8', via: '172.16.0.1', type: 'unicast' as const }, 'routes[0].via'],
    [{ dst: '10.0.0.0/8', type: 'unicast' as const }, 'routes[0]'],
    [{ dst: '10.0.0.0/8', dev: 'eth9', type: 'unicast' as const }, 'routes[0].dev'],
    [{ dst: '10.0.0/8', dev: 'lan0', type: 'unicast' as const }, 'routes[0].dst'],
    [{ dst: '10.0.0.0/8', via: 'fd00:1::2', type: 'unicast' as const }, 'routes[0].via'],
  ])('a route that the kernel refuses is an error that names it: %o', (route, path) => {
    expect(() => build({ routes: [route] })).toThrow(path);
  });
});

describe('source addresses', () => {
  const spec = routerSpec({
    interfaces: [
      iface('lan0', ['192.168.1.1/24', '192.168.1.2/24', '10.0.0.1/8', 'fd00:1::1/64', '2001:db8:1::1/64']),
      iface('wan0', ['203.0.113.1/24', '2001:db8:2::1/64', '2001:db8:2::2/64'], { linkLocal: true }),
      iface('ppp0', []),
    ],
  });
  const interfaces = new Interfaces(spec);
  const fib = new Fib(spec, interfaces);
  test.each([
    ['lan0', '192.168.1.50', '192.168.1.1'],
    ['lan0', '10.5.5.5', '10.0.0.1'],
    ['lan0', '8.8.8.8', '192.168.1.1'],
    ['ppp0', '8.8.8.8', '192.168.1.1'],
    ['lan0', 'fd00:2::1', 'fd00:1::1'],
    ['lan0', '2600::1', '2001:db8:1::1'],
    ['wan0', '2600::1', '2001:db8:2::2'],
    ['wan0', '2001:db8:2::77', '2001:db8:2::2'],
    ['wan0', 'fe80::5', 'fe80::ff:fe00:9'],
    ['wan0', 'fd00:9::1', '2001:db8:2::2'],
  ])('out of %s to %s it is %s', (oif, daddr, expected) => {
    const dev = interfaces.byName(oif);
    const to = address(daddr);
    if (dev === undefined) throw new Error(oif);
    const own = to.length === 1 ? formatIpv4(fib.sourceAddress4(dev, to[0] ?? 0)) : fib.sourceAddress6(dev, to);
    expect(typeof own === 'string' ? own : own && formatWords(own)).toBe(expected);
  });
});

test('address types are those of inet_addr_type', () => {
  const fib = build();
  expect(
    ['0.0.0.0', '255.255.255.255', '224.0.0.1', '192.168.1.1', '192.168.1.255', '8.8.8.8'].map((text) =>
      fib.addressType4(address(text)[0] ?? 0),
    ),
  ).toEqual(['broadcast', 'broadcast', 'multicast', 'local', 'broadcast', 'unicast']);
  expect(['ff02::1', 'fd00:1::1', '2600::1'].map((text) => fib.addressType6(address(text), 0))).toEqual([
    'multicast',
    'local',
    'unicast',
  ]);
});
