// Scenes of the flowtable: which packets enter a connection into it, which take it, what ends it and what it leaves behind.
// Device paths (VLAN, bridge, PPPoE) stand in offload-path-scenes.ts.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { ether, fragmentIpv4, fragmentIpv6, icmp, ip, tcp, udp } from '../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../src/packet/checksum.ts';
import { later, nft, padded, SERVER, SERVER6, type Sent, steps, talk, way } from './interface-scenes.ts';

const HOST = '192.168.1.5';
const HOST6 = 'fd00:1::5';
const WAN_IP = '203.0.113.1';
export const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 5 + 1) & 255);

export const router = (more = '', sysctl = '', wan = ''): string => `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: wan0, mac: "02:00:00:00:00:02"${wan}, addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: wan1, mac: "02:00:00:00:00:03", addresses: [198.18.0.1/24, "2001:db8:3::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
  - { dst: 0.0.0.0/0, via: 198.18.0.254, dev: wan1, table: 100 }
${more}neighbours:
  - { dev: wan0, ip: 203.0.113.254, mac: "02:ee:00:00:00:fe" }
  - { dev: wan1, ip: 198.18.0.254, mac: "02:ee:00:00:00:fd" }
sysctl: { net.netfilter.nf_conntrack_acct: 1${sysctl} }
`;
export const ROUTER = router();

interface Rules {
  devices?: string;
  family?: string;
  flowtable?: string;
  rules?: string;
  before?: string;
  more?: string;
}
/** A flowtable, a forward chain that adds to it, and what else the scene needs. */
export function rules({
  devices = 'lan0, wan0',
  family = 'inet',
  flowtable = 'counter;',
  rules: list = 'flow add @ft; counter',
  before = '',
  more = '',
}: Rules = {}): string {
  const lines = list.split('; ').join('\n\t\t');
  return nft(`table ${family} f {
	flowtable ft { hook ingress priority 0; devices = { ${devices} }; ${flowtable} }
	${before}
	chain forward { type filter hook forward priority 0; policy accept;
		${lines}
	}
}
${more}
`);
}
export const MASQUERADE = `table inet n {
	chain post { type nat hook postrouting priority 100; oifname { "wan0", "ppp-wan" } masquerade; }
}`;
const DNAT = `table inet n {
	chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.1 tcp dport 8080 dnat ip to 192.168.1.5:80; ip daddr 203.0.113.1 udp dport 8080 dnat ip to 192.168.1.5:80; }
	chain post { type nat hook postrouting priority 100; ip saddr 192.168.1.0/24 ip daddr 192.168.1.5 snat ip to 192.168.1.1; }
}`;

const lan = way('lan0');
const wan = way('wan0', { src: '02:ee:00:00:00:fe' });
const wan1 = way('wan1', { src: '02:ee:00:00:00:fd' });
export const ask = (length = 20, sport = 5000) => udp({ sport, dport: 53 }, payload(length));
export const answer = (length = 30, dport = 5000) => udp({ sport: 53, dport }, payload(length));
const up = (flags: string, seq: number, ack: number, length = 0, fields = {}): Sent =>
  lan(HOST, SERVER, tcp({ sport: 40000, dport: 443, flags, seq, ack, window: 64000 }, payload(length)), fields);
const down = (flags: string, seq: number, ack: number, length = 0, fields = {}): Sent =>
  wan(SERVER, HOST, tcp({ sport: 443, dport: 40000, flags, seq, ack, window: 64000 }, payload(length)), fields);
const OUT = lan(HOST, SERVER, ask());
const BACK = wan(SERVER, HOST, answer());
const OPEN: Sent[] = [up('S', 1000, 0), down('SA', 5000, 1001), up('A', 1001, 5001)];
const UDP_OPEN: Sent[] = [OUT, BACK, OUT, BACK];

const changed = (frame: Sent, change: (octets: Uint8Array) => void): Sent => {
  const octets = frame[1].slice();
  change(octets);
  return [frame[0], octets];
};
const NOPS = { options: Uint8Array.of(1, 1, 1, 1) };
const gre = (version = 0, key = false) => ({
  protocol: 47,
  bytes: Uint8Array.of(key ? 0x20 : 0, version, 0x08, 0x00, ...(key ? [0, 0, 0, 9] : []), ...payload(40)),
});
const sctp = { protocol: 132, bytes: Uint8Array.of(0x13, 0x88, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 4) };
const extension = (next: Parameters<typeof ip>[1], header: number) => ({
  protocol: header,
  bytes: Uint8Array.of(next.protocol, 0, 1, 4, 0, 0, 0, 0, ...next.bytes),
});

const scene = (name: string, frames: Sent[], given: Rules = {}, router_ = ROUTER): KernelScene => ({
  name,
  router: router_,
  ruleset: rules(given),
  frames: steps(frames),
});
const timed = (
  name: string,
  frames: [number, Sent][],
  tailSeconds: number,
  given: Rules = {},
  router_ = ROUTER,
): KernelScene => ({
  name,
  router: router_,
  ruleset: rules(given),
  frames: later(frames),
  tailNs: tailSeconds * 1e9,
});

const ENTRY: KernelScene[] = [
  scene('TCP enters with the ACK of its handshake, not before; FIN is slow', talk(lan, wan, HOST, HOST, SERVER)),
  scene(
    'the rest of a rule is skipped until the connection enters',
    [...OPEN, up('A', 1001, 5001, 9), down('A', 5001, 1010)],
    {
      rules: 'flow add @ft counter; counter; ct state established flow add @ft counter; counter',
    },
  ),
  scene('UDP enters with its second packet, whichever way it goes', [OUT, OUT, OUT, BACK, OUT]),
  scene('UDP enters with its answer', [OUT, BACK, OUT, BACK]),
  scene('segments with RST or FIN do not enter', [
    up('S', 1000, 0),
    down('SA', 5000, 1001),
    up('FA', 1001, 5001),
    down('A', 5001, 1002),
    down('PA', 5001, 1002, 20),
    up('A', 1002, 5021),
  ]),
  scene('a connection picked up in the middle enters when both ends have spoken', [
    up('A', 1001, 5001, 10),
    up('A', 1011, 5001, 10),
    down('A', 5001, 1021, 10),
    up('A', 1021, 5011, 10),
    down('A', 5011, 1031),
    up('A', 1031, 5011, 1),
  ]),
  scene('ICMP, SCTP and other protocols do not enter', [
    lan(HOST, SERVER, icmp(8, 0, 0x10001, payload(20))),
    wan(SERVER, HOST, icmp(0, 0, 0x10001, payload(20))),
    lan(HOST, SERVER, icmp(8, 0, 0x10001, payload(20))),
    lan(HOST, SERVER, sctp),
    lan(HOST, SERVER, { protocol: 99, bytes: payload(20) }),
    wan(SERVER, HOST, { protocol: 99, bytes: payload(20) }),
    lan(HOST, SERVER, { protocol: 99, bytes: payload(20) }),
  ]),
  scene('GRE of version 0 enters, keys or not', [
    lan(HOST, SERVER, gre()),
    wan(SERVER, HOST, gre()),
    lan(HOST, SERVER, gre()),
    lan(HOST, SERVER, gre(0, true)),
    wan(SERVER, HOST, gre(0, true)),
    lan(HOST, SERVER, gre(1)),
  ]),
  scene(
    'translated GRE does not enter',
    [lan(HOST, SERVER, gre()), wan(SERVER, WAN_IP, gre()), lan(HOST, SERVER, gre())],
    {
      more: MASQUERADE,
    },
  ),
  timed(
    'an offloaded GRE connection expires within a tick of the collector',
    [
      [0, lan(HOST, SERVER, gre())],
      [0.1, wan(SERVER, HOST, gre())],
      [0.2, lan(HOST, SERVER, gre())],
      [5, lan(HOST, SERVER, gre())],
    ],
    3,
  ),
  scene('untracked packets do not enter', [OUT, BACK, OUT], {
    before: 'chain raw { type filter hook prerouting priority -300; udp dport 53 notrack; }',
  }),
  scene(
    'a connection with a helper does not enter',
    [...talk((src, dst, layer4, fields) => changed(lan(src, dst, layer4, fields), () => {}), wan, HOST, HOST, SERVER)],
    {
      before:
        'ct helper ftp { type "ftp" protocol tcp; }\n\tchain help { type filter hook prerouting priority 0; tcp dport 443 ct helper set "ftp"; }',
    },
  ),
  scene('an FTP session does not enter, its data connection does', ftp(), {
    before:
      'ct helper ftp { type "ftp" protocol tcp; }\n\tchain help { type filter hook prerouting priority 0; tcp dport 21 ct helper set "ftp"; }',
    rules: 'flow add @ft; ct state related counter; ct helper "ftp" counter; counter',
  }),
  scene('a reassembled IPv6 datagram enters, its fragments stay slow', [
    lan(HOST6, SERVER6, ask()),
    ...fragmentIpv6(ip({ src: HOST6, dst: SERVER6 }, ask(2000)), 1400, 9).map(
      (part): Sent => ['lan0', ether({}, part)],
    ),
    lan(HOST6, SERVER6, ask()),
    ...fragmentIpv6(ip({ src: HOST6, dst: SERVER6 }, ask(2000)), 1400, 10).map(
      (part): Sent => ['lan0', ether({}, part)],
    ),
    wan(SERVER6, HOST6, answer()),
  ]),
  scene('packets with IP options neither enter nor take the fast path', [
    lan(HOST, SERVER, ask(), NOPS),
    lan(HOST, SERVER, ask(), NOPS),
    OUT,
    lan(HOST, SERVER, ask(), NOPS),
    OUT,
    BACK,
    wan(SERVER, HOST, answer(), NOPS),
  ]),
  scene('a reassembled datagram enters, its fragments stay slow', [
    OUT,
    ...fragments(ip({ src: HOST, dst: SERVER, id: 9 }, ask(2000))),
    OUT,
    ...fragments(ip({ src: HOST, dst: SERVER, id: 10 }, ask(2000))),
    BACK,
  ]),
  scene('IPv6 enters as IPv4 does; extension headers are slow', [
    lan(HOST6, SERVER6, ask()),
    wan(SERVER6, HOST6, answer()),
    lan(HOST6, SERVER6, ask()),
    lan(HOST6, SERVER6, extension(ask(), 60)),
    lan(HOST6, SERVER6, extension(ask(), 0)),
    wan(SERVER6, HOST6, answer()),
    lan(HOST6, SERVER6, ask(), { ttl: 1 }),
    lan(HOST6, SERVER6, ask(), { ttl: 2 }),
  ]),
  scene(
    'a flowtable of the ip family passes IPv6 by',
    [...UDP_OPEN, lan(HOST6, SERVER6, ask()), wan(SERVER6, HOST6, answer()), lan(HOST6, SERVER6, ask())],
    {
      family: 'ip',
    },
  ),
  scene(
    'a flowtable of the ip6 family passes IPv4 by',
    [
      ...UDP_OPEN,
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, HOST6, answer()),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, HOST6, answer()),
    ],
    {
      family: 'ip6',
    },
  ),
  scene(
    'only the rule decides: meta l4proto and ct state as OpenWrt has them',
    [...OPEN, up('PA', 1001, 5001, 10), ...UDP_OPEN],
    {
      rules:
        'meta l4proto { tcp, udp } flow add @ft; ct state vmap { established : accept, related : accept, invalid : drop }; counter',
    },
  ),
  scene(
    'a second flow add of an offloaded connection breaks its rule',
    [OUT, BACK, lan(HOST, SERVER, ask(), NOPS), OUT],
    {
      rules: 'flow add @ft counter; flow add @ft counter; udp dport 53 flow add @ft accept; counter',
    },
  ),
];

const FALLBACKS: KernelScene[] = [
  scene('TTL 1 is slow and answered, TTL 2 is fast', [
    ...UDP_OPEN,
    lan(HOST, SERVER, ask(), { ttl: 2 }),
    lan(HOST, SERVER, ask(), { ttl: 1 }),
    wan(SERVER, HOST, answer(), { ttl: 1 }),
    OUT,
  ]),
  scene(
    'what exceeds the MTU of the way out is slow: cut, or answered',
    [
      ...UDP_OPEN,
      lan(HOST, SERVER, ask(1372)),
      lan(HOST, SERVER, ask(1373)),
      lan(HOST, SERVER, ask(1373), { dontFragment: true }),
      wan(SERVER, HOST, answer(1472)),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, HOST6, answer()),
      lan(HOST6, SERVER6, ask(1352)),
      lan(HOST6, SERVER6, ask(1353)),
    ],
    {},
    router('', '', ', mtu: 1400'),
  ),
  scene(
    'the MTU of a route holds for IPv4 flows',
    [
      lan(HOST, '10.9.0.7', ask()),
      wan('10.9.0.7', HOST, answer()),
      lan(HOST, '10.9.0.7', ask(1172)),
      lan(HOST, '10.9.0.7', ask(1173)),
      lan(HOST, '10.9.0.7', ask(1173), { dontFragment: true }),
    ],
    {},
    router('  - { dst: 10.9.0.0/16, via: 203.0.113.254, dev: wan0, mtu: 1200 }\n'),
  ),
  scene('padding counts towards the MTU of no flow but stays on the frame', [
    ...UDP_OPEN,
    changed(lan(HOST, SERVER, ask(2)), () => {}),
    ['lan0', padded(lan(HOST, SERVER, ask(2))[1])],
    ['wan0', padded(wan(SERVER, HOST, answer(1))[1])],
  ]),
  scene(
    'checksums are not looked at on the fast path',
    [
      ...UDP_OPEN,
      changed(OUT, (octets) => {
        octets[41] = (octets[41] ?? 0) ^ 0x55;
      }),
      changed(OUT, (octets) => {
        octets[24] = (octets[24] ?? 0) ^ 0x55;
      }),
      changed(BACK, (octets) => {
        octets[50] = (octets[50] ?? 0) ^ 0x55;
      }),
    ],
    { more: '' },
  ),
  scene(
    'wrong checksums stay wrong by as much through NAT',
    [
      OUT,
      wan(SERVER, WAN_IP, answer()),
      changed(OUT, (octets) => {
        octets[41] = (octets[41] ?? 0) ^ 0x55;
      }),
      changed(wan(SERVER, WAN_IP, answer()), (octets) => {
        octets[24] = (octets[24] ?? 0) ^ 0x55;
      }),
      // UDP without a checksum.
      changed(OUT, (octets) => {
        octets[40] = 0;
        octets[41] = 0;
      }),
    ],
    { more: MASQUERADE },
  ),
  scene('a SYN of an offloaded connection is any segment to the fast path', [
    ...OPEN,
    up('A', 1001, 5001, 10),
    up('S', 9000, 0),
    down('SA', 7000, 9001),
    up('A', 1011, 5001, 10),
  ]),
  scene(
    'segments far outside of the window pass, fast and slow',
    [
      ...OPEN,
      up('A', 1001, 5001, 10),
      up('A', 900_001, 5001, 10),
      up('A', 1_900_001, 5001, 10, NOPS),
      down('A', 3_000_000, 77, 10, NOPS),
    ],
    { rules: 'flow add @ft; ct state invalid counter; counter' },
  ),
  scene(
    'an ICMP error about an offloaded connection is slow and related',
    [
      ...OPEN,
      up('A', 1001, 5001, 10),
      wan('198.51.100.1', HOST, icmp(3, 4, 1400, up('A', 1001, 5001, 10)[1].slice(14, 14 + 28))),
      up('A', 1011, 5001, 10),
    ],
    { rules: 'flow add @ft; ct state related counter; counter' },
  ),
  scene('an IPv4 header that lies about its length goes by on the fast path', [
    ...UDP_OPEN,
    changed(OUT, (octets) => {
      octets[17] = 200;
      writeIpv4Checksum(octets, 14);
    }),
    changed(OUT, (octets) => {
      octets[17] = 30;
      writeIpv4Checksum(octets, 14);
    }),
    // Too short for its UDP header.
    ['lan0', OUT[1].slice(0, 40)],
  ]),
];

const ENDINGS: KernelScene[] = [
  timed(
    'FIN ends the flow, and conntrack goes on from where it was',
    talk(lan, wan, HOST, HOST, SERVER).map((frame, i): [number, Sent] => [i / 10, frame]),
    20,
  ),
  timed(
    'a FIN without an answer leaves FIN_WAIT',
    [...OPEN, up('PA', 1001, 5001, 10), up('FA', 1011, 5001)].map((frame, i): [number, Sent] => [i / 10, frame]),
    30,
  ),
  timed(
    'RST ends the flow and the connection',
    [...OPEN, up('PA', 1001, 5001, 10), down('A', 5001, 1011), down('R', 5001, 0)].map((frame, i): [number, Sent] => [
      i / 10,
      frame,
    ]),
    5,
  ),
  timed(
    'after a RST that conntrack ignores the connection enters again',
    [
      ...OPEN,
      up('PA', 1001, 5001, 10),
      down('A', 5001, 1011),
      down('R', 900_000, 0),
      up('A', 1011, 5001, 5),
      up('A', 1016, 5001, 5),
      down('A', 5001, 1021),
    ].map((frame, i): [number, Sent] => [i / 10, frame]),
    3,
  ),
  timed(
    'a connection that was closed opens and enters again',
    [...talk(lan, wan, HOST, HOST, SERVER), ...talk(lan, wan, HOST, HOST, SERVER)].map((frame, i): [number, Sent] => [
      i / 10,
      frame,
    ]),
    1,
  ),
  timed(
    'an idle TCP flow ends after 30 s, its connection keeps the rest of its day',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [29, down('PA', 5001, 1011, 10)],
      [58, up('A', 1011, 5011)],
      [90, up('PA', 1011, 5011, 10)],
      [91, down('A', 5011, 1021)],
    ],
    45,
  ),
  timed(
    'an idle TCP flow keeps its connection offloaded for 29 s',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
    ],
    28,
  ),
  timed(
    'an idle UDP flow ends after 30 s, its connection after its own timeout',
    [
      [0, OUT],
      [0.1, BACK],
      [0.2, OUT],
      [0.3, BACK],
    ],
    60,
  ),
  timed(
    'a UDP connection that was offloaded one way keeps no time',
    [
      [0, OUT],
      [0.1, OUT],
      [0.2, OUT],
    ],
    33,
  ),
  timed(
    'UDP flows kept busy stay for minutes',
    Array.from({ length: 12 }, (_, i): [number, Sent] => [i * 20, i % 2 ? BACK : OUT]),
    10,
  ),
  timed(
    'nf_flowtable_tcp_timeout and nf_flowtable_udp_timeout',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [0.4, OUT],
      [0.5, BACK],
      [2, OUT],
      [4.2, OUT],
      [4.4, up('A', 1011, 5001)],
      [9, OUT],
      [14, up('A', 1011, 5001)],
    ],
    8,
    {},
    router('', ', net.netfilter.nf_flowtable_tcp_timeout: 5, net.netfilter.nf_flowtable_udp_timeout: 3'),
  ),
  timed(
    'timeouts of conntrack shorter than the flow leave nothing',
    [
      [0, OUT],
      [0.1, BACK],
      [0.2, OUT],
      [20, OUT],
      [55, OUT],
    ],
    2,
    {},
    router('', ', net.netfilter.nf_conntrack_udp_timeout: 10, net.netfilter.nf_conntrack_udp_timeout_stream: 20'),
  ),
  timed(
    'slow packets shorten an offloaded connection, the collector makes it long again',
    [
      [0, OUT],
      [0.1, BACK],
      [0.2, OUT],
      [0.5, lan(HOST, SERVER, ask(), NOPS)],
      [10, OUT],
      [20, BACK],
      [40, OUT],
      [60, OUT],
      [80, OUT],
      [100, OUT],
    ],
    20,
    {},
    router('', ', net.netfilter.nf_conntrack_udp_timeout: 8'),
  ),
  timed(
    'slow segments of an offloaded connection do too',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [0.5, up('A', 1011, 5001, 0, NOPS)],
      [20, up('PA', 1011, 5001, 10)],
      [40, down('A', 5001, 1021)],
    ],
    10,
    {},
    router('', ', net.netfilter.nf_conntrack_tcp_timeout_established: 15'),
  ),
  timed(
    'an unanswered segment on the slow path leaves 300 s until the collector comes',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10, NOPS)],
      [0.4, up('PA', 1011, 5001, 10, NOPS)],
    ],
    50,
  ),
  timed(
    'a half-closed connection enters no more',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [0.4, down('FA', 5001, 1011)],
      [0.5, up('A', 1011, 5002)],
      [0.6, up('PA', 1011, 5002, 10)],
      [10, up('PA', 1021, 5002, 10)],
      [66, up('PA', 1031, 5002, 10)],
    ],
    5,
  ),
];

const COUNTING: KernelScene[] = [
  scene('without counter the connection counts its slow packets only', [...UDP_OPEN, OUT, BACK], { flowtable: '' }),
  scene('with counter and padding the connection counts what was on the wire', [
    ...UDP_OPEN,
    ['lan0', padded(lan(HOST, SERVER, ask(1))[1])],
  ]),
  scene(
    'without accounting nothing is counted',
    [...UDP_OPEN, OUT],
    {},
    router('', ', net.netfilter.nf_conntrack_acct: 0').replace('nf_conntrack_acct: 1, net.netfilter.', ''),
  ),
];

const NAT: KernelScene[] = [
  scene('masquerade both ways on the fast path', talk(lan, wan, HOST, WAN_IP, SERVER), { more: MASQUERADE }),
  scene(
    'DNAT both ways on the fast path',
    [
      wan(SERVER, WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(10))),
      lan(HOST, SERVER, udp({ sport: 80, dport: 7000 }, payload(10))),
      wan(SERVER, WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(11))),
      lan(HOST, SERVER, udp({ sport: 80, dport: 7000 }, payload(12))),
    ],
    { more: DNAT },
  ),
  scene(
    'hairpin: DNAT and SNAT at once, in and out by one device',
    [
      lan('192.168.1.9', WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(10))),
      lan(HOST, '192.168.1.1', udp({ sport: 80, dport: 7000 }, payload(10))),
      lan('192.168.1.9', WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(11))),
      lan(HOST, '192.168.1.1', udp({ sport: 80, dport: 7000 }, payload(12))),
    ],
    { more: DNAT },
  ),
  scene(
    'IPv6 is masqueraded on the fast path',
    [
      ...talk(lan, wan, HOST6, '2001:db8:2::1', SERVER6),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, '2001:db8:2::1', answer()),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, '2001:db8:2::1', answer()),
    ],
    { more: MASQUERADE },
  ),
  scene(
    'SNAT to a port range',
    [OUT, wan(SERVER, '203.0.113.7', answer(30, 6000)), OUT, wan(SERVER, '203.0.113.7', answer(30, 6000))],
    {
      more: 'table ip n {\n\tchain post { type nat hook postrouting priority 100; oifname "wan0" udp dport 53 snat to 203.0.113.7:6000; }\n}',
    },
  ),
];

const HOOKS: KernelScene[] = [
  scene('a netdev chain before the flowtable sees every packet, one behind it the slow ones', [...UDP_OPEN, OUT], {
    more: nft(
      'table netdev d {\n\tchain early { type filter hook ingress device lan0 priority -10; counter; }\n\tchain late { type filter hook ingress device lan0 priority 10; counter; }\n\tchain out { type filter hook egress device wan0 priority 0; counter; }\n}',
    ),
  }),
  scene(
    'what a netdev chain drops before the flowtable is not looked up',
    [...UDP_OPEN, lan(HOST, SERVER, ask(33)), OUT],
    {
      more: nft(
        'table netdev d {\n\tchain early { type filter hook ingress device lan0 priority -10; meta length 61 drop; udp length 41 drop; }\n}',
      ),
    },
  ),
  scene('filter, nat and mangle chains see nothing of the fast path', [...UDP_OPEN, OUT, BACK], {
    before:
      'chain pre { type filter hook prerouting priority -300; counter; }\n\tchain post { type filter hook postrouting priority 0; counter; }\n\tchain mangle { type filter hook forward priority -150; ip dscp set cs1; }',
  }),
  scene(
    'two flowtables: the one whose device the packet enters by',
    [
      ...UDP_OPEN,
      lan(HOST, '198.18.0.7', ask()),
      wan1('198.18.0.7', HOST, answer()),
      lan(HOST, '198.18.0.7', ask()),
      wan1('198.18.0.7', HOST, answer()),
    ],
    {
      rules: 'oifname "wan1" return; iifname "wan1" return; flow add @ft; counter',
      more: nft(
        'table inet g {\n\tflowtable ft { hook ingress priority 5; devices = { wan1, lan0 }; }\n\tchain forward { type filter hook forward priority 5;\n\t\tflow add @ft\n\t\tcounter\n\t}\n}',
      ),
    },
  ),
  scene('only the way in is a device of the flowtable', [...UDP_OPEN, OUT, BACK], { devices: 'lan0' }),
  scene('only the way out is a device of the flowtable', [...UDP_OPEN, OUT, BACK], { devices: 'wan0' }),
];

const ROUTES: KernelScene[] = [
  scene(
    'answers that enter by another device than their route leaves are slow',
    [OUT, wan1(SERVER, HOST, answer()), OUT, wan1(SERVER, HOST, answer()), BACK, OUT],
    { devices: 'lan0, wan0, wan1' },
  ),
  scene(
    'the mark of the packet that enters chooses the route of both directions',
    [OUT, wan1(SERVER, HOST, answer()), OUT, wan1(SERVER, HOST, answer())],
    {
      devices: 'lan0, wan0, wan1',
      before: 'chain pre { type filter hook prerouting priority -150; iifname "lan0" meta mark set 1; }',
    },
    router('').replace('neighbours:', 'rules: [{ priority: 10, fwmark: 1, table: 100 }]\nneighbours:'),
  ),
  scene(
    'a mark set in the forward chain does not move the packet that sets it',
    [OUT, BACK, OUT, OUT, BACK],
    {
      devices: 'lan0, wan0, wan1',
      rules: 'meta mark set 1; flow add @ft; counter',
    },
    router('').replace('neighbours:', 'rules: [{ priority: 10, fwmark: 1, table: 100 }]\nneighbours:'),
  ),
  scene('a destination on the link needs no gateway', [
    lan(HOST, '203.0.113.77', ask()),
    wan('203.0.113.77', HOST, answer()),
    lan(HOST, '203.0.113.77', ask()),
    wan('203.0.113.77', HOST, answer()),
  ]),
  scene(
    'a source without a route back is taken to be on its link',
    [
      wan('10.77.0.5', HOST, ask()),
      lan(HOST, '10.77.0.5', answer()),
      wan('10.77.0.5', HOST, ask()),
      lan(HOST, '10.77.0.5', answer()),
    ],
    {},
    router('').replace('  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }\n', ''),
  ),
  scene(
    'a source whose route back is a blackhole is taken to be on its link',
    [
      wan('10.77.0.5', HOST, ask()),
      wan('10.77.0.5', HOST, ask()),
      wan('10.77.0.5', HOST, ask()),
      lan(HOST, '10.77.0.5', answer()),
    ],
    {},
    router('  - { dst: 10.77.0.0/16, type: blackhole }\n'),
  ),
  scene(
    'frames for other hosts are forwarded when their flow is known',
    [
      ['lan0', ether({ dst: '02:00:00:00:00:01' }, OUT[1].slice(14))],
      ['wan0', ether({ dst: '02:00:00:00:00:02' }, BACK[1].slice(14))],
      ['lan0', ether({ dst: '02:00:00:00:00:99' }, OUT[1].slice(14))],
      ['lan0', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, OUT[1].slice(14))],
      ['lan0', ether({ dst: '02:00:00:00:00:99' }, lan(HOST, SERVER, ask(5, 5001))[1].slice(14))],
    ],
    {},
    `strictMac: true${ROUTER}`,
  ),
];

function fragments(datagram: Uint8Array): Sent[] {
  return fragmentIpv4(datagram, 1420).map((part): Sent => ['lan0', ether({}, part)]);
}

/** A session that asks for a passive data connection, and that connection. */
function ftp(): Sent[] {
  const text = (words: string): Uint8Array => new TextEncoder().encode(`${words}\r\n`);
  const end =
    (from: boolean, sport: number, dport: number) => (flags: string, seq: number, ack: number, data?: Uint8Array) =>
      from
        ? lan(HOST, SERVER, tcp({ sport, dport, flags, seq, ack, window: 64000 }, data))
        : wan(SERVER, HOST, tcp({ sport: dport, dport: sport, flags, seq, ack, window: 64000 }, data));
  const [client, server] = [end(true, 40021, 21), end(false, 40021, 21)];
  const [reader, writer] = [end(true, 40022, 50000), end(false, 40022, 50000)];
  const passive = text('227 Entering Passive Mode (198,51,100,7,195,80)');
  return [
    client('S', 100, 0),
    server('SA', 500, 101),
    client('A', 101, 501),
    client('PA', 101, 501, text('PASV')),
    server('PA', 501, 107, passive),
    client('A', 107, 501 + passive.length),
    reader('S', 1000, 0),
    writer('SA', 5000, 1001),
    reader('A', 1001, 5001),
    writer('PA', 5001, 1001, payload(100)),
    reader('A', 1001, 5101),
    client('PA', 107, 501 + passive.length, text('NOOP')),
  ];
}

export const OFFLOAD_SCENES: KernelScene[] = [
  ...ENTRY,
  ...FALLBACKS,
  ...ENDINGS,
  ...COUNTING,
  ...NAT,
  ...HOOKS,
  ...ROUTES,
].map((one) => ({ ...one, name: `flowtable: ${one.name}` }));
