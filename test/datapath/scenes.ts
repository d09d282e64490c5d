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
];
