import { expect, test } from 'vitest';
import { formatWords, Interfaces, words } from '../../src/net/interfaces.ts';
import { Neighbours } from '../../src/net/neighbours.ts';
import { sysctlNumber, sysctlOfInterface } from '../../src/net/sysctl.ts';
import { formatMac, parseAddress } from '../../src/packet/address.ts';
import { iface, routerSpec } from './fixture.ts';

test('interfaces are numbered in their order and lo comes last', () => {
  const interfaces = new Interfaces(routerSpec());
  expect(interfaces.list.map((one) => `${one.index} ${one.name}`)).toEqual(['0 ', '1 lan0', '2 wan0', '3 lo']);
  expect(interfaces.loopback.addresses4.map((row) => row.address)).toEqual([0x7f000001]);
  expect(interfaces.byName('eth0')).toBeUndefined();
});

test('VLAN, PPPoE and bridge devices know what lies below them', () => {
  const interfaces = new Interfaces(
    routerSpec({
      interfaces: [
        iface('br0', [], { type: 'bridge', ports: ['lan1', 'lan2'], mac: '' }),
        iface('lan1', [], { mac: '02:00:00:00:00:12' }),
        iface('lan2', [], { mac: '02:00:00:00:00:11' }),
        iface('wan.7', [], { type: 'vlan', link: 'wan', id: 7, mac: '' }),
        iface('wan', [], { mac: '02:00:00:00:00:77' }),
        iface('ppp0', [], { type: 'pppoe', link: 'wan.7', id: 5, mac: '' }),
      ],
      routes: [],
      neighbours: [],
    }),
  );
  const [br0, lan1, vlan, wan, ppp0] = ['br0', 'lan1', 'wan.7', 'wan', 'ppp0'].map((name) => interfaces.byName(name));
  expect(lan1?.master).toBe(br0);
  expect(formatMac(br0?.mac ?? new Uint8Array(6))).toBe('02:00:00:00:00:11');
  expect(vlan?.link).toBe(wan);
  expect(wan?.upper).toEqual([vlan]);
  expect(formatMac(vlan?.mac ?? new Uint8Array(6))).toBe('02:00:00:00:00:77');
  expect([vlan?.vlanId, vlan?.vlanProtocol, ppp0?.pppoeSession, ppp0?.type]).toEqual([7, 0x8100, 5, 512]);
});

test('a link-local address is made from the hardware address when asked for', () => {
  const interfaces = new Interfaces(
    routerSpec({ interfaces: [iface('a', [], { linkLocal: true })], routes: [], neighbours: [] }),
  );
  expect(interfaces.byName('a')?.addresses6.map((row) => formatWords(row.address))).toEqual(['fe80::ff:fe00:9']);
});

test.each([
  [[iface('a'), iface('a')], 'interfaces[1].name'],
  [[iface('a', ['10.0.0.1/99'])], 'interfaces[0].addresses[0]'],
  [[iface('a', [], { type: 'vlan', link: 'b' })], 'interfaces[0].link'],
  [[iface('a', [], { type: 'bridge', ports: ['b'] })], 'interfaces[0].ports'],
  [[iface('a', [], { type: 'vlan', link: 'b' }), iface('b', [], { type: 'vlan', link: 'a' })], 'on top of itself'],
])('a description that cannot be is an error that names its place (%#)', (interfaces, message) => {
  expect(() => new Interfaces(routerSpec({ interfaces, routes: [], neighbours: [] }))).toThrow(message);
});

test('listed neighbours have their own address, everybody else the default one', () => {
  const spec = routerSpec();
  const interfaces = new Interfaces(spec);
  const neighbours = new Neighbours(spec, interfaces);
  const v6 = (text: string): Uint32Array => words(parseAddress(text) ?? new Uint8Array(16));
  const [lan, wan] = [interfaces.at(1), interfaces.at(2)];
  const shown = (mac: Uint8Array | undefined): string => (mac === undefined ? '' : formatMac(mac));
  expect(shown(neighbours.resolve4(wan, 0xcb0071fe))).toBe('02:ee:00:00:00:fe');
  expect(shown(neighbours.resolve4(lan, 0xcb0071fe))).toBe('02:ee:00:00:00:01');
  expect(shown(neighbours.resolve4(lan, 0xe0808001))).toBe('01:00:5e:00:80:01');
  expect(shown(neighbours.resolve4(lan, 0xc0a801ff, true))).toBe('ff:ff:ff:ff:ff:ff');
  expect(shown(neighbours.resolve6(wan, v6('2001:db8:2::fe')))).toBe('02:ee:00:00:00:fe');
  expect(shown(neighbours.resolve6(wan, v6('2001:db8:3::fe')))).toBe('02:ee:00:00:00:01');
  expect(shown(neighbours.resolve6(wan, v6('ff02::1:ff00:1')))).toBe('33:33:ff:00:00:01');
});

test('a sysctl of an interface falls back to "default", then to the built-in value', () => {
  const sysctl = { 'net.ipv4.conf.default.rp_filter': 2, 'net.ipv4.conf.lan0/10.rp_filter': '1', 'x.y': 'word' };
  expect(sysctlOfInterface(sysctl, 'net.ipv4.conf', 'lan0.10', 'rp_filter', 0)).toBe(1);
  expect(sysctlOfInterface(sysctl, 'net.ipv4.conf', 'wan0', 'rp_filter', 0)).toBe(2);
  expect(sysctlOfInterface(sysctl, 'net.ipv6.conf', 'wan0', 'rp_filter', 7)).toBe(7);
  expect(sysctlNumber(sysctl, 'x.y', 5)).toBe(5);
});
