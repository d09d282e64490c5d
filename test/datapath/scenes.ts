// Scenes for the comparison with the kernel: what goes in, and (kernel-golden.json) what a real 6.12 router made of it.
// RECORD_KERNEL=1 asks the oracle again.
import { putBe16 } from '../../src/base/columns.ts';
import { ether, fragmentIpv4, fragmentIpv6, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../src/packet/checksum.ts';

export interface Scene {
  name: string;
  topology: object;
  ruleset: string;
  frames: [iface: string, frame: Uint8Array][];
}

const LAN = '192.168.1.10';
const SERVER = '198.51.100.7';
const LAN6 = 'fd00:1::10';
const SERVER6 = '2001:db8:99::7';

export const TOPOLOGY = {
  interfaces: [
    { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['192.168.1.1/24', 'fd00:1::1/64'], mtu: 1500 },
    { name: 'wan0', mac: '02:00:00:00:00:02', addresses: ['203.0.113.1/24', '2001:db8:2::1/64'], mtu: 1500 },
  ],
  routes: [
    { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0' },
    { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0' },
  ],
  neighbours: [
    { dev: 'wan0', ip: '203.0.113.254', mac: '02:ee:00:00:00:fe' },
    { dev: 'wan0', ip: '2001:db8:2::fe', mac: '02:ee:00:00:00:fe' },
  ],
  sysctl: {},
};

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 255);
}

const eth = (datagram: Uint8Array, etherType?: number): Uint8Array => ether({}, datagram, etherType);
const UDP = (n = 20): Layer4 => udp({ sport: 5000, dport: 53 }, payload(n));
const SYN = (dport = 80): Layer4 => tcp({ sport: 40000, dport, seq: 1000, flags: 'S' });
const ECHO = (n = 20): Layer4 => icmp(8, 0, 0x12340001, payload(n));
const ECHO6 = (n = 20): Layer4 => icmpv6(128, 0, 0x12340001, payload(n));

/** A datagram with octets changed after its checksums were made; the header checksum is mended unless told not to. */
function patched(datagram: Uint8Array, at: number, value: number, mend = true): Uint8Array {
  const copy = datagram.slice();
  copy[at] = value;
  if (mend) writeIpv4Checksum(copy, 0);
  return copy;
}

function withLength(datagram: Uint8Array, length: number): Uint8Array {
  const copy = datagram.slice();
  putBe16(copy, 2, length);
  writeIpv4Checksum(copy, 0);
  return copy;
}

function padded(frame: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(frame);
  out.fill(0xaa, frame.length);
  return out;
}

/** An IPv6 datagram with extension headers between the header and `inner`. */
function extended(
  src: string,
  dst: string,
  ttl: number,
  headers: [type: number, bytes: number[]][],
  inner: Layer4,
): Uint8Array {
  const plain = ip({ src, dst, ttl }, inner);
  const extensions = headers.flatMap(([, bytes], i) => [headers[i + 1]?.[0] ?? inner.protocol, ...bytes]);
  const out = new Uint8Array(plain.length + extensions.length);
  out.set(plain.subarray(0, 40));
  out.set(extensions, 40);
  out.set(plain.subarray(40), 40 + extensions.length);
  out[6] = headers[0]?.[0] ?? inner.protocol;
  putBe16(out, 4, out.length - 40);
  return out;
}

const PAD6 = [0, 1, 4, 0, 0, 0, 0];
const lan = (datagram: Uint8Array): [string, Uint8Array] => ['lan0', eth(datagram)];
const wan = (datagram: Uint8Array): [string, Uint8Array] => ['wan0', eth(datagram)];

export const SCENES: Scene[] = [
  {
    name: 'forwarding of both families',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: SERVER }, UDP())),
      lan(ip({ src: LAN, dst: SERVER, ttl: 2, tos: 0xb8, dontFragment: true }, SYN())),
      wan(ip({ src: SERVER, dst: LAN, ttl: 255 }, UDP(1400))),
      lan(ip({ src: LAN6, dst: SERVER6 }, UDP())),
      wan(ip({ src: SERVER6, dst: LAN6, tos: 0x28 }, SYN())),
      lan(ip({ src: LAN, dst: '203.0.113.77' }, UDP())),
      lan(ip({ src: LAN, dst: '192.168.1.77' }, UDP())),
      ['lan0', padded(eth(ip({ src: LAN, dst: SERVER }, UDP(1))), 60)],
      ['lan0', padded(eth(ip({ src: LAN6, dst: SERVER6 }, UDP(1))), 90)],
      lan(ip({ src: LAN, dst: SERVER }, { protocol: 47, bytes: payload(40) })),
      lan(ip({ src: LAN, dst: SERVER, id: 0 }, { protocol: 17, bytes: payload(3) })),
    ],
  },
  {
    name: 'echo requests to the router',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: '192.168.1.1' }, ECHO())),
      lan(ip({ src: LAN, dst: '203.0.113.1', tos: 0x2e, dontFragment: true }, ECHO(21))),
      lan(ip({ src: LAN, dst: '192.168.1.1', ttl: 1 }, ECHO(1400))),
      wan(ip({ src: SERVER, dst: '203.0.113.1' }, ECHO(0))),
      lan(ip({ src: LAN6, dst: 'fd00:1::1' }, ECHO6())),
      lan(ip({ src: LAN6, dst: '2001:db8:2::1', tos: 0x2e }, ECHO6(21))),
      wan(ip({ src: SERVER6, dst: '2001:db8:2::1', ttl: 1 }, ECHO6(1300))),
      lan(ip({ src: LAN6, dst: 'fd00:1::' }, ECHO6())),
      lan(ip({ src: LAN6, dst: 'ff02::1' }, ECHO6())),
      lan(ip({ src: LAN, dst: '192.168.1.255' }, ECHO())),
      lan(ip({ src: LAN, dst: '224.0.0.1' }, ECHO())),
      lan(patched(ip({ src: LAN, dst: '192.168.1.1' }, ECHO()), 30, 0x55)),
      lan(ip({ src: LAN, dst: '192.168.1.1' }, icmp(0, 0, 1, payload(8)))),
      lan(ip({ src: LAN, dst: '192.168.1.1' }, icmp(99, 0, 1, payload(8)))),
    ],
  },
  {
    name: 'closed ports and unknown protocols of the router',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: '192.168.1.1' }, UDP())),
      lan(ip({ src: LAN, dst: '203.0.113.1', tos: 0xff, dontFragment: true }, UDP(900))),
      lan(ip({ src: LAN, dst: '192.168.1.1', tos: 0xb8 }, SYN(22))),
      lan(
        ip(
          { src: LAN, dst: '192.168.1.1', tos: 3 },
          tcp({ sport: 1, dport: 2, seq: 5, ack: 77, flags: 'A' }, payload(10)),
        ),
      ),
      lan(ip({ src: LAN, dst: '192.168.1.1' }, tcp({ sport: 1, dport: 2, seq: 4294967290, flags: 'F' }, payload(10)))),
      lan(ip({ src: LAN, dst: '192.168.1.1' }, tcp({ sport: 1, dport: 2, seq: 5, flags: 'R' }))),
      lan(patched(ip({ src: LAN, dst: '192.168.1.1' }, SYN(22)), 36, 0x55)),
      lan(patched(ip({ src: LAN, dst: '192.168.1.1' }, UDP()), 30, 0x55)),
      lan(ip({ src: LAN, dst: '192.168.1.1' }, { protocol: 47, bytes: payload(40) })),
      lan(ip({ src: LAN6, dst: 'fd00:1::1', tos: 0x2f }, UDP())),
      lan(ip({ src: LAN6, dst: 'fd00:1::1' }, UDP(1400))),
      lan(ip({ src: LAN6, dst: 'fd00:1::1', tos: 0xbb }, SYN(22))),
      lan(
        ip({ src: LAN6, dst: '2001:db8:2::1' }, tcp({ sport: 1, dport: 2, seq: 5, ack: 77, flags: 'PA' }, payload(10))),
      ),
      lan(ip({ src: LAN6, dst: 'fd00:1::1' }, { protocol: 200, bytes: payload(40) })),
      lan(extended(LAN6, 'fd00:1::1', 64, [[0, PAD6]], { protocol: 200, bytes: payload(40) })),
      lan(extended(LAN6, 'fd00:1::1', 64, [[60, PAD6]], UDP())),
      lan(ip({ src: LAN6, dst: 'fd00:1::1' }, { protocol: 59, bytes: payload(4) })),
      lan(ip({ src: LAN, dst: '192.168.1.255' }, UDP())),
      lan(ip({ src: LAN, dst: '255.255.255.255' }, UDP())),
      lan(ip({ src: '0.0.0.0', dst: '255.255.255.255' }, udp({ sport: 68, dport: 67 }, payload(200)))),
    ],
  },
  {
    name: 'TTL and hop limit run out',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, UDP())),
      lan(ip({ src: LAN, dst: SERVER, ttl: 0, tos: 0x1f }, SYN())),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1, dontFragment: true }, UDP(1400))),
      wan(ip({ src: SERVER, dst: LAN, ttl: 1 }, ECHO())),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, icmp(3, 1, 0, payload(28)))),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, icmp(0, 0, 0, payload(28)))),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, icmp(42, 0, 0, payload(28)))),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1, fragmentOffset: 800 }, UDP())),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1, moreFragments: true }, UDP(24))),
      ['lan0', padded(eth(ip({ src: LAN, dst: SERVER, ttl: 1 }, UDP(1))), 60)],
      lan(ip({ src: LAN6, dst: SERVER6, ttl: 1 }, UDP())),
      lan(ip({ src: LAN6, dst: SERVER6, ttl: 1, tos: 0xb8 }, UDP(1400))),
      wan(ip({ src: SERVER6, dst: LAN6, ttl: 1 }, ECHO6())),
      lan(ip({ src: LAN6, dst: SERVER6, ttl: 1 }, icmpv6(1, 1, 0, payload(40)))),
      lan(ip({ src: LAN6, dst: SERVER6, ttl: 0 }, { protocol: 59, bytes: payload(0) })),
      lan(
        extended(
          LAN6,
          SERVER6,
          1,
          [
            [0, PAD6],
            [60, PAD6],
          ],
          UDP(),
        ),
      ),
    ],
  },
  {
    name: 'MTU of the way out',
    topology: {
      ...TOPOLOGY,
      interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1400 }],
      routes: [...TOPOLOGY.routes, { dst: '10.0.0.0/8', via: '203.0.113.254', dev: 'wan0', mtu: 600 }],
    },
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: SERVER, dontFragment: true }, UDP(1372))),
      lan(ip({ src: LAN, dst: SERVER, dontFragment: true }, UDP(1373))),
      lan(ip({ src: LAN, dst: SERVER, id: 77 }, UDP(1373))),
      lan(
        ip(
          {
            src: LAN,
            dst: SERVER,
            id: 78,
            options: Uint8Array.of(1, 1, 1, 1, 0x94, 4, 0, 0, 1, 1, 0x44, 4, 5, 0, 0, 0),
          },
          UDP(1400),
        ),
      ),
      lan(
        ip(
          { src: LAN, dst: SERVER, id: 79, moreFragments: true, fragmentOffset: 1480 },
          { protocol: 17, bytes: payload(1480) },
        ),
      ),
      lan(ip({ src: LAN, dst: '10.1.1.1', dontFragment: true }, UDP(700))),
      lan(ip({ src: LAN, dst: '10.1.1.1', id: 80 }, UDP(1400))),
      lan(ip({ src: LAN6, dst: SERVER6 }, UDP(1352))),
      lan(ip({ src: LAN6, dst: SERVER6 }, UDP(1353))),
      lan(ip({ src: LAN6, dst: SERVER6 }, icmpv6(1, 1, 0, payload(1400)))),
    ],
  },
  {
    name: 'fragments without conntrack',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      ...fragmentIpv4(ip({ src: LAN, dst: SERVER, id: 9 }, UDP(3000)), 1500).map(lan),
      ...fragmentIpv6(ip({ src: LAN6, dst: SERVER6 }, UDP(3000)), 1280, 0x1234).map(lan),
      ...fragmentIpv4(ip({ src: LAN, dst: '192.168.1.1', id: 10 }, ECHO(2000)), 1500).map(lan),
      ...fragmentIpv6(ip({ src: LAN6, dst: 'fd00:1::1' }, ECHO6(2000)), 1280, 0x1235).map(lan),
      ...fragmentIpv4(ip({ src: LAN, dst: '192.168.1.1', id: 11 }, UDP(2000)), 1500).map(lan),
    ],
  },
  {
    name: 'routes that lead nowhere',
    topology: {
      ...TOPOLOGY,
      routes: [
        { dst: '10.1.0.0/16', type: 'blackhole' },
        { dst: '10.2.0.0/16', type: 'unreachable' },
        { dst: '10.3.0.0/16', type: 'prohibit' },
        { dst: '10.4.0.0/16', type: 'throw' },
        { dst: '2001:db8:a::/48', type: 'blackhole' },
        { dst: '2001:db8:b::/48', type: 'unreachable' },
        { dst: '2001:db8:c::/48', type: 'prohibit' },
      ],
    },
    ruleset: '',
    frames: [
      ...['10.1.0.1', '10.2.0.1', '10.3.0.1', '10.4.0.1', '10.5.0.1'].map((dst) =>
        lan(ip({ src: LAN, dst, tos: 0x10 }, UDP())),
      ),
      ...['2001:db8:a::1', '2001:db8:b::1', '2001:db8:c::1', '2001:db8:d::1'].map((dst) =>
        lan(ip({ src: LAN6, dst }, UDP())),
      ),
    ],
  },
  {
    name: 'martians',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      ...[
        ['192.168.1.1', SERVER],
        ['203.0.113.1', '192.168.1.1'],
        ['127.0.0.1', SERVER],
        [LAN, '127.0.0.1'],
        ['0.0.0.0', SERVER],
        [LAN, '0.0.0.0'],
        ['224.0.0.5', SERVER],
        ['255.255.255.255', SERVER],
        [LAN, '239.1.2.3'],
        [LAN, '224.0.0.251'],
        [LAN, '240.0.0.1'],
        ['0.0.0.0', '0.0.0.0'],
        [SERVER, LAN],
        ['192.168.1.255', SERVER],
        [LAN, '0.1.2.3'],
        [LAN, '203.0.113.255'],
        ['10.9.9.9', '192.168.1.1'],
      ].map(([src = '', dst = '']) => lan(ip({ src, dst }, UDP()))),
      ...[
        ['::1', SERVER6],
        [LAN6, '::1'],
        ['ff02::5', SERVER6],
        ['::', SERVER6],
        ['fe80::5', SERVER6],
        [LAN6, 'ff02::5'],
        [LAN6, 'ff05::2'],
        [LAN6, 'ff01::1'],
        [LAN6, 'ff00::1'],
        [LAN6, 'ff0e::1234'],
        ['fd00:1::1', SERVER6],
        [LAN6, 'fe80::1'],
        [SERVER6, LAN6],
      ].map(([src = '', dst = '']) => lan(ip({ src, dst }, UDP()))),
    ],
  },
  {
    name: 'reverse path filter',
    topology: { ...TOPOLOGY, sysctl: { 'net.ipv4.conf.lan0.rp_filter': 1, 'net.ipv4.conf.wan0.rp_filter': 2 } },
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: SERVER }, UDP())),
      lan(ip({ src: '10.0.0.1', dst: SERVER }, UDP())),
      lan(ip({ src: '203.0.113.7', dst: '192.168.1.1' }, UDP())),
      wan(ip({ src: LAN, dst: '192.168.1.20' }, UDP())),
      wan(ip({ src: '192.168.1.255', dst: '192.168.1.20' }, UDP())),
      lan(ip({ src: LAN, dst: '192.168.1.255' }, UDP())),
    ],
  },
  {
    name: 'headers that are wrong',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      lan(patched(ip({ src: LAN, dst: SERVER }, UDP()), 0, 0x55, false)),
      lan(patched(ip({ src: LAN, dst: SERVER }, UDP()), 0, 0x44)),
      lan(patched(ip({ src: LAN, dst: SERVER }, UDP()), 0, 0x4f)),
      lan(patched(ip({ src: LAN, dst: SERVER }, UDP()), 10, 0x99, false)),
      lan(withLength(ip({ src: LAN, dst: SERVER }, UDP()), 100)),
      lan(withLength(ip({ src: LAN, dst: SERVER }, UDP()), 19)),
      lan(withLength(ip({ src: LAN, dst: SERVER }, UDP()), 24)),
      lan(ip({ src: LAN, dst: SERVER }, UDP()).slice(0, 16)),
      lan(ip({ src: LAN, dst: SERVER }, { protocol: 6, bytes: payload(5) })),
      lan(patched(ip({ src: LAN6, dst: SERVER6 }, UDP()), 0, 0x45, false)),
      lan(patched(ip({ src: LAN6, dst: SERVER6 }, UDP()), 5, 0xff, false)),
      lan(ip({ src: LAN6, dst: SERVER6 }, UDP()).slice(0, 30)),
      lan(ip({ src: LAN, dst: SERVER, options: Uint8Array.of(1, 1, 1, 0) }, UDP())),
      lan(ip({ src: LAN, dst: SERVER, options: Uint8Array.of(0x94, 4, 0, 0) }, UDP())),
      lan(ip({ src: LAN, dst: SERVER, ttl: 1, options: Uint8Array.of(1, 1, 1, 0) }, UDP())),
      ['lan0', eth(payload(40), 0x88cc)],
      ['lan0', eth(payload(40), 0x0101)],
    ],
  },
  {
    name: 'IPv4 options',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0],
      [7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0],
      [7, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8],
      [7, 11, 10, 1, 2, 3, 4, 5, 6, 7, 8],
      [0x44, 8, 9, 0, 0, 0, 0, 0],
      [0x44, 8, 9, 0xf0, 0, 0, 0, 0],
      [0x44, 8, 9, 0xf3, 0, 0, 0, 0],
      [0x44, 12, 5, 3, 8, 8, 8, 8, 0, 0, 0, 0],
      [0x44, 8, 5, 1, 0, 0, 0, 0],
      [0x44, 8, 5, 7, 0, 0, 0, 0],
      [0x94, 3, 0],
      [0x99, 1],
      [0x99, 60, 0, 0],
      [0, 5, 5, 5],
      [1, 1, 1, 0x99],
      [0x82, 4, 1, 1],
    ].flatMap((options) => [
      lan(ip({ src: LAN, dst: SERVER, options: Uint8Array.from(options) }, UDP())),
      lan(ip({ src: LAN, dst: '203.0.113.1', options: Uint8Array.from(options) }, icmp(0, 0, 1, payload(8)))),
    ]),
  },
  {
    name: 'link-layer destinations',
    topology: TOPOLOGY,
    ruleset: '',
    frames: [
      ['lan0', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, ip({ src: LAN, dst: SERVER }, UDP()))],
      ['lan0', ether({ dst: '01:00:5e:00:00:01' }, ip({ src: LAN, dst: SERVER }, UDP()))],
      ['lan0', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, ip({ src: LAN, dst: '192.168.1.1' }, UDP()))],
      ['lan0', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, ip({ src: LAN, dst: '192.168.1.1' }, SYN()))],
      ['lan0', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, ip({ src: LAN, dst: '192.168.1.1' }, ECHO()))],
      ['lan0', ether({ dst: '33:33:00:00:00:01' }, ip({ src: LAN6, dst: SERVER6 }, UDP()))],
      ['lan0', ether({ dst: '33:33:00:00:00:01' }, ip({ src: LAN6, dst: 'fd00:1::1' }, UDP()))],
      ['lan0', ether({ dst: '33:33:00:00:00:01' }, ip({ src: LAN6, dst: 'ff02::1' }, ECHO6()))],
    ],
  },
  {
    name: 'forwarding switched off',
    topology: { ...TOPOLOGY, sysctl: { 'net.ipv4.ip_forward': 0, 'net.ipv6.conf.all.forwarding': 0 } },
    ruleset: '',
    frames: [
      lan(ip({ src: LAN, dst: SERVER }, UDP())),
      lan(ip({ src: LAN6, dst: SERVER6 }, UDP())),
      lan(ip({ src: LAN, dst: '192.168.1.1' }, ECHO())),
    ],
  },
  {
    name: 'VLAN devices',
    topology: {
      ...TOPOLOGY,
      interfaces: [
        ...TOPOLOGY.interfaces,
        { name: 'lan0.10', type: 'vlan', link: 'lan0', id: 10, addresses: ['10.10.0.1/24', 'fd00:10::1/64'] },
        { name: 'wan0.7', type: 'vlan', link: 'wan0', id: 7, addresses: ['10.7.0.1/24'] },
      ],
      routes: [...TOPOLOGY.routes, { dst: '10.77.0.0/16', via: '10.7.0.9', dev: 'wan0.7' }],
    },
    ruleset: '',
    frames: [
      ['lan0', ether({ vlans: [{ id: 10 }] }, ip({ src: '10.10.0.5', dst: SERVER }, UDP()))],
      ['lan0', ether({ vlans: [{ id: 10, priority: 5 }] }, ip({ src: '10.10.0.5', dst: '10.77.1.1' }, UDP()))],
      ['lan0', ether({ vlans: [{ id: 10 }] }, ip({ src: '10.10.0.5', dst: '10.10.0.1' }, ECHO()))],
      ['lan0', ether({ vlans: [{ id: 10 }] }, ip({ src: '10.10.0.5', dst: SERVER, ttl: 1 }, UDP()))],
      ['lan0', ether({ vlans: [{ id: 10 }] }, ip({ src: 'fd00:10::5', dst: SERVER6 }, UDP()))],
      ['wan0', ether({}, ip({ src: SERVER, dst: '10.10.0.5' }, UDP()))],
      ['wan0', ether({ vlans: [{ id: 7 }] }, ip({ src: '10.77.1.1', dst: '10.10.0.5' }, UDP(1400)))],
      ['lan0', ether({ vlans: [{ id: 0, priority: 3 }] }, ip({ src: LAN, dst: SERVER }, UDP()))],
      ['lan0', padded(ether({ vlans: [{ id: 10 }] }, ip({ src: '10.10.0.5', dst: SERVER }, UDP(1))), 64)],
      [
        'lan0',
        ether({ vlans: [{ id: 10 }], dst: 'ff:ff:ff:ff:ff:ff' }, ip({ src: '10.10.0.5', dst: '10.10.0.255' }, UDP())),
      ],
    ],
  },
  {
    name: 'a bridge of two ports',
    topology: {
      ...TOPOLOGY,
      interfaces: [
        { name: 'lan1', mac: '02:00:00:00:00:01' },
        { name: 'lan2', mac: '02:00:00:00:00:03' },
        TOPOLOGY.interfaces[1],
        {
          name: 'br0',
          type: 'bridge',
          mac: '02:00:00:00:00:09',
          ports: ['lan1', 'lan2'],
          addresses: ['192.168.1.1/24'],
        },
      ],
      neighbours: [...TOPOLOGY.neighbours, { dev: 'br0', ip: '192.168.1.20', mac: '02:aa:00:00:00:20' }],
    },
    ruleset: '',
    frames: [
      ['lan1', ether({ src: '02:ee:00:00:00:01' }, ip({ src: LAN, dst: SERVER }, UDP()))],
      ['wan0', eth(ip({ src: SERVER, dst: LAN }, UDP()))],
      ['lan2', ether({ src: '02:aa:00:00:00:20' }, ip({ src: '192.168.1.20', dst: SERVER }, UDP()))],
      ['wan0', eth(ip({ src: SERVER, dst: '192.168.1.20' }, UDP()))],
      ['lan1', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, ip({ src: LAN, dst: '192.168.1.255' }, UDP()))],
      ['lan2', ether({ src: '02:aa:00:00:00:20' }, ip({ src: '192.168.1.20', dst: '192.168.1.1' }, ECHO()))],
    ],
  },
  ...ruleScenes(),
];

/** An ICMP error of somebody else about a packet of ours. */
function errorAbout(type: number, code: number, datagram: Uint8Array): Layer4 {
  return icmp(type, code, 0, datagram.slice(0, 28));
}

function ruleScenes(): Scene[] {
  const reject = (hook: string, what: string, family = 'inet', match = ''): string =>
    `table ${family} t {\n chain c {\n type filter hook ${hook} priority 0; policy accept;\n ${match} reject ${what}\n }\n}\n`;
  const traffic: [string, Uint8Array][] = [
    lan(ip({ src: LAN, dst: SERVER, tos: 0xff }, UDP())),
    lan(ip({ src: LAN, dst: SERVER }, SYN())),
    lan(ip({ src: LAN, dst: SERVER }, tcp({ sport: 9, dport: 8, seq: 77, ack: 99, flags: 'PA' }, payload(33)))),
    lan(ip({ src: LAN, dst: SERVER }, tcp({ sport: 9, dport: 8, flags: 'R' }))),
    lan(ip({ src: LAN, dst: SERVER }, ECHO(900))),
    lan(ip({ src: LAN, dst: SERVER }, icmp(3, 3, 0, payload(40)))),
    lan(patched(ip({ src: LAN, dst: SERVER }, UDP()), 30, 0x55)),
    lan(patched(ip({ src: LAN, dst: SERVER }, SYN()), 36, 0x55)),
    lan(ip({ src: LAN, dst: SERVER, fragmentOffset: 1480 }, { protocol: 17, bytes: payload(99) })),
    lan(ip({ src: LAN, dst: '192.168.1.1' }, UDP())),
    lan(ip({ src: LAN, dst: '192.168.1.1' }, SYN())),
    lan(ip({ src: LAN, dst: '192.168.1.255' }, UDP())),
    wan(ip({ src: SERVER, dst: '203.0.113.1' }, UDP())),
    lan(ip({ src: LAN6, dst: SERVER6, tos: 0xff }, UDP())),
    lan(ip({ src: LAN6, dst: SERVER6 }, SYN())),
    lan(ip({ src: LAN6, dst: SERVER6 }, tcp({ sport: 9, dport: 8, seq: 77, ack: 99, flags: 'FPA' }, payload(33)))),
    lan(ip({ src: LAN6, dst: SERVER6 }, ECHO6(1400))),
    lan(ip({ src: LAN6, dst: SERVER6 }, icmpv6(1, 4, 0, payload(48)))),
    lan(ip({ src: LAN6, dst: 'fd00:1::1' }, UDP())),
    lan(ip({ src: LAN6, dst: 'fd00:1::1' }, SYN())),
    wan(ip({ src: SERVER6, dst: LAN6 }, SYN())),
    ['lan0', padded(eth(ip({ src: LAN, dst: SERVER }, UDP(1))), 60)],
    ['lan0', padded(eth(ip({ src: LAN6, dst: SERVER6 }, UDP(1))), 80)],
  ];
  const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
  const rejects = [
    ...hooks.slice(0, 4).map((hook): [string, string] => [hook, reject(hook, '')]),
    ...['input', 'forward'].map((hook): [string, string] => [
      `${hook} tcp reset`,
      reject(hook, 'with tcp reset', 'inet', 'meta l4proto tcp'),
    ]),
    ['forward host-unreachable', reject('forward', 'with icmp type host-unreachable', 'ip')],
    ['forward admin-prohibited', reject('forward', 'with icmpx type admin-prohibited')],
    ['ip6 no-route', reject('forward', 'with icmpv6 type no-route', 'ip6')],
    ['forward with conntrack', reject('forward', '', 'inet', 'ct state new')],
    ['reset with conntrack', reject('forward', 'with tcp reset', 'inet', 'ct state new,established tcp dport 8')],
  ].map(
    ([name, ruleset]): Scene => ({
      name: `reject at ${name}`,
      topology: TOPOLOGY,
      ruleset: ruleset ?? '',
      frames: traffic,
    }),
  );
  const natRules =
    'table inet n {\n chain post {\n type nat hook postrouting priority 100; policy accept;\n oifname "wan0" masquerade\n }\n chain pre {\n type nat hook prerouting priority -100; policy accept;\n iifname "wan0" udp dport 7000 dnat ip to 192.168.1.10:53\n }\n}\n';
  const toServer = ip({ src: '203.0.113.1', dst: SERVER, ttl: 50 }, UDP());
  const natted: [string, Uint8Array][] = [
    lan(ip({ src: LAN, dst: SERVER }, UDP())),
    wan(ip({ src: SERVER, dst: '203.0.113.1' }, udp({ sport: 53, dport: 5000 }, payload(30)))),
    wan(ip({ src: '203.0.113.9', dst: '203.0.113.1' }, errorAbout(11, 0, toServer))),
    wan(ip({ src: '203.0.113.9', dst: '203.0.113.1' }, errorAbout(3, 4, toServer))),
    wan(ip({ src: SERVER, dst: '203.0.113.1', ttl: 1 }, udp({ sport: 53, dport: 5000 }, payload(30)))),
    wan(ip({ src: SERVER, dst: '203.0.113.1' }, udp({ sport: 9999, dport: 7000 }, payload(30)))),
    lan(ip({ src: LAN, dst: SERVER }, udp({ sport: 53, dport: 9999 }, payload(31)))),
    lan(
      ip(
        { src: LAN, dst: SERVER },
        icmp(
          3,
          3,
          0,
          ip({ src: SERVER, dst: LAN, ttl: 63 }, udp({ sport: 9999, dport: 53 }, payload(30))).slice(0, 28),
        ),
      ),
    ),
    lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, UDP())),
    lan(ip({ src: LAN, dst: '203.0.113.1' }, UDP())),
    wan(ip({ src: SERVER, dst: '203.0.113.1' }, ECHO())),
    lan(ip({ src: LAN, dst: SERVER }, ECHO())),
    wan(ip({ src: SERVER, dst: '203.0.113.1' }, icmp(0, 0, 0x12340001, payload(20)))),
    lan(ip({ src: LAN6, dst: SERVER6 }, UDP())),
    wan(ip({ src: SERVER6, dst: '2001:db8:2::1' }, udp({ sport: 53, dport: 5000 }, payload(30)))),
    ...fragmentIpv4(ip({ src: LAN, dst: SERVER, id: 99 }, udp({ sport: 5001, dport: 53 }, payload(3000))), 1500).map(
      lan,
    ),
    ...fragmentIpv4(
      ip({ src: LAN, dst: SERVER, id: 98, dontFragment: true }, udp({ sport: 5001, dport: 53 }, payload(2000))),
      1500,
    ).map(lan),
    ...fragmentIpv6(ip({ src: LAN6, dst: SERVER6 }, udp({ sport: 5001, dport: 53 }, payload(3000))), 1280, 7).map(lan),
    ...fragmentIpv4(ip({ src: LAN, dst: '192.168.1.1', id: 97 }, ECHO(2000)), 1500).map(lan),
    ...fragmentIpv6(ip({ src: LAN6, dst: 'fd00:1::1' }, ECHO6(2000)), 1500, 8).map(lan),
  ];
  const chain = (family: string, spec: string, rules: string): string =>
    `table ${family} t {\n chain c {\n type ${spec}; policy accept;\n ${rules}\n }\n}\n`;
  return [
    ...rejects,
    { name: 'NAT of both families, errors and fragments', topology: TOPOLOGY, ruleset: natRules, frames: natted },
    {
      name: 'fragments through NAT to a smaller MTU',
      topology: { ...TOPOLOGY, interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1300 }] },
      ruleset: natRules,
      frames: natted,
    },
    {
      name: 'rules see the packets that the router makes',
      topology: TOPOLOGY,
      ruleset: `${chain('inet', 'filter hook output priority 0', 'icmp type time-exceeded counter drop\n ip protocol tcp tcp flags & rst == rst counter accept\n icmpv6 type echo-reply ip6 hoplimit set 9 counter\n icmp type echo-reply ip dscp set cs6 counter')}`,
      frames: [
        lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, UDP())),
        lan(ip({ src: LAN, dst: '192.168.1.1' }, SYN())),
        lan(ip({ src: LAN, dst: '192.168.1.1' }, ECHO())),
        lan(ip({ src: LAN6, dst: 'fd00:1::1' }, ECHO6())),
      ],
    },
    {
      name: 'netdev chains: fwd, dup, egress, payload of tags',
      topology: {
        ...TOPOLOGY,
        interfaces: [
          ...TOPOLOGY.interfaces,
          { name: 'mon0', mac: '02:00:00:00:00:08' },
          { name: 'lan0.10', type: 'vlan', link: 'lan0', id: 10, addresses: ['10.10.0.1/24'] },
        ],
      },
      ruleset: `table netdev t {\n chain i {\n type filter hook ingress device "lan0" priority 0; policy accept;\n udp dport 1000 fwd to "mon0"\n udp dport 1001 dup to "mon0"\n vlan id 10 udp dport 1002 counter drop\n udp dport 1003 ip dscp set cs1\n tcp dport 1004 fwd ip to 203.0.113.77 device "wan0"\n }\n chain e {\n type filter hook egress device "wan0" priority 0; policy accept;\n udp dport 1005 counter drop\n udp dport 1006 ip ttl set 99\n }\n chain v {\n type filter hook ingress device "lan0.10" priority 0; policy accept;\n udp dport 1007 drop\n }\n}\n`,
      frames: [
        ...[1000, 1001, 1002, 1003, 1005, 1006, 1007].flatMap((dport): [string, Uint8Array][] => {
          const layer4 = udp({ sport: 5, dport }, payload(12));
          return [
            lan(ip({ src: LAN, dst: SERVER }, layer4)),
            ['lan0', ether({ vlans: [{ id: 10 }] }, ip({ src: '10.10.0.5', dst: SERVER }, layer4))],
            ['lan0', padded(eth(ip({ src: LAN, dst: SERVER }, layer4)), 64)],
          ];
        }),
        lan(ip({ src: LAN, dst: SERVER }, tcp({ sport: 4, dport: 1004 }))),
        lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, tcp({ sport: 4, dport: 1004 }))),
      ],
    },
    {
      name: 'dup to a gateway',
      topology: TOPOLOGY,
      ruleset: `${chain('ip', 'filter hook prerouting priority 0', 'udp dport 53 dup to 192.168.1.99 device "lan0"')}${chain('ip6', 'filter hook forward priority 0', 'udp dport 53 dup to fd00:1::99 device "lan0"')}${chain('ip', 'filter hook postrouting priority 0', 'tcp dport 80 dup to 203.0.113.88').replace('table ip t', 'table ip t2')}`,
      frames: [
        lan(ip({ src: LAN, dst: SERVER }, UDP())),
        lan(ip({ src: LAN, dst: SERVER }, SYN())),
        lan(ip({ src: LAN6, dst: SERVER6 }, UDP())),
        lan(ip({ src: LAN, dst: SERVER, ttl: 1 }, UDP())),
      ],
    },
    {
      name: 'a bridge with rules of its own',
      topology: {
        ...TOPOLOGY,
        interfaces: [
          { name: 'lan1', mac: '02:00:00:00:00:01' },
          { name: 'lan2', mac: '02:00:00:00:00:03' },
          TOPOLOGY.interfaces[1],
          {
            name: 'br0',
            type: 'bridge',
            mac: '02:00:00:00:00:09',
            ports: ['lan1', 'lan2'],
            addresses: ['192.168.1.1/24'],
          },
        ],
      },
      ruleset: `table bridge t {\n chain i {\n type filter hook input priority 0; policy accept;\n udp dport 1000 counter drop\n }\n chain f {\n type filter hook forward priority 0; policy accept;\n udp dport 1002 counter drop\n }\n chain o {\n type filter hook output priority 0; policy accept;\n oifname "lan2" udp sport 53 counter drop\n }\n}\n`,
      frames: [
        ...[1000, 1001, 1002, 1003].flatMap((dport): [string, Uint8Array][] => [
          [
            'lan1',
            ether({ src: '02:ee:00:00:00:01' }, ip({ src: LAN, dst: SERVER }, udp({ sport: 5, dport }, payload(12)))),
          ],
          [
            'lan1',
            ether(
              { src: '02:ee:00:00:00:01', dst: 'ff:ff:ff:ff:ff:ff' },
              ip({ src: LAN, dst: '192.168.1.255' }, udp({ sport: 5, dport }, payload(12))),
            ),
          ],
        ]),
        ['wan0', eth(ip({ src: SERVER, dst: '192.168.1.77' }, udp({ sport: 53, dport: 5 }, payload(12))))],
        ['wan0', eth(ip({ src: SERVER, dst: LAN }, udp({ sport: 53, dport: 5 }, payload(12))))],
      ],
    },
  ];
}
