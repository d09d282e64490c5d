// Scenes of network address translation, each named by what the kernel does (nf_nat_core.c, nf_nat_proto.c, nft_nat.c,
// nft_masq.c, nft_redir.c).
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { icmp, icmpv6, type Layer4, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  answer,
  answer6,
  ask,
  ask6,
  bytes,
  chain,
  dnat,
  echo,
  echo6,
  filter,
  from,
  LAN,
  LAN_ROUTER,
  patched,
  ROUTER,
  ROUTER6,
  type Row,
  SERVER,
  scene,
  segment,
  segment6,
  snat,
} from './rows.ts';

const OTHER = '192.168.1.20';
const OTHER6 = 'fd00:1::20';
const HOP = '198.51.100.1';
const HOP6 = '2001:db8:99::1';
const quote = (row: Row, length = 1000): Uint8Array => row[1].slice(0, length);
/** What the server saw of a row: as it left, with the addresses and ports of the translation. */
const error = (about: Row, src = HOP, dst = ROUTER, type = 3, code = 1, info = 0): Row =>
  from('wan0', { src, dst, id: 8 }, icmp(type, code, info, about[1]));
const error6 = (about: Row, src = HOP6, dst = ROUTER6, type = 1, code = 0, info = 0): Row =>
  from('wan0', { src, dst }, icmpv6(type, code, info, about[1]));
const cut = (row: Row, length: number): Row => [row[0], quote(row, length)];
const zeroSum = (row: Row): Row => patched(row, row[1][0] === 0x45 ? 26 : 46, 0);
const segmentOf = (sport: number, dport: number, flags = 'S'): Layer4 =>
  tcp({ sport, dport, seq: 9000, ack: flags === 'S' ? 0 : 1001, flags });
const ALL_PORTS = Array.from({ length: 6 }, (_, i) => 5000 + i);

const SNAT = snat('ip', `oifname "wan0" snat to ${ROUTER}`);
const MASQUERADE = snat('inet', 'oifname "wan0" masquerade');

/** Addresses of the LAN that a range names without saying them. */
const hosts = (first: number, last: number): object => ({
  neighbours: [
    ...TOPOLOGY.neighbours,
    ...Array.from({ length: last - first + 1 }, (_, i) => ({
      dev: 'lan0',
      ip: `192.168.1.${first + i}`,
      mac: '02:ee:00:00:00:01',
    })),
  ],
});

const SOURCE: KernelScene[] = [
  scene('snat keeps the source port while it is free', SNAT, [
    ask(),
    answer(),
    ask({ src: OTHER }, { sport: 5001 }),
    ask({ src: OTHER, dst: '198.51.100.8' }),
    segment('S', { src: OTHER }, { sport: 5000, dport: 53 }),
    ask(),
  ]),
  scene('snat searches another port when the tuple is taken', SNAT, [
    ask(),
    ask({ src: OTHER }),
    ask({ src: '192.168.1.21' }),
    segment('S'),
    segment('S', { src: OTHER }),
    ask({ src: OTHER }),
  ]),
  scene('snat searches ports below 512 and below 1024 among themselves', SNAT, [
    ask({}, { sport: 53 }),
    ask({ src: OTHER }, { sport: 53 }),
    ask({}, { sport: 600 }),
    ask({ src: OTHER }, { sport: 600 }),
  ]),
  scene('snat keeps the id of an echo request while it is free', SNAT, [
    echo(),
    echo({ src: OTHER }, 8),
    echo({ src: OTHER }, 9, 2),
  ]),
  scene('a port in the given range is kept', snat('ip', `ip protocol udp snat to ${ROUTER}:4999-5001`), [
    ask(),
    ask({}, { sport: 5001 }),
    answer(),
  ]),
  scene('a range of one port is taken without a search', snat('ip', `ip protocol udp snat to ${ROUTER}:2000`), [
    ask(),
    ask({ dst: '198.51.100.8' }),
    ask({ src: OTHER }, { sport: 2000 }),
    answer({}, { dport: 2000 }),
  ]),
  scene('a full range of ports drops what comes next', snat('ip', `ip protocol udp snat to ${ROUTER}:2000-2001`), [
    ask({}, { sport: 2000 }),
    ask({}, { sport: 2001 }),
    ask({}, { sport: 2002 }),
    ask({ src: OTHER }, { sport: 2000 }),
    ask({ src: OTHER, dst: '198.51.100.8' }, { sport: 2000 }),
  ]),
  scene('snat to several addresses goes by a hash of both ends', snat('ip', 'snat to 203.0.113.20-203.0.113.29'), [
    ask(),
    ask({}, { sport: 5001 }),
    ask({ dst: '198.51.100.8' }),
    ask({ dst: '198.51.100.9' }),
    ask({ src: OTHER }),
    ask({ src: '192.168.1.77' }),
    segment('S'),
    echo(),
  ]),
  scene(
    'a second connection of a source has the address of its first',
    snat('ip', 'snat to 203.0.113.20-203.0.113.29'),
    [ask(), ask({ dst: '198.51.100.8' }), ask({ dst: '198.51.100.9' }), ask({ dst: '198.51.100.10' }, { sport: 5001 })],
  ),
  scene('persistent goes by the source alone', snat('ip', 'snat to 203.0.113.20-203.0.113.29 persistent'), [
    ...[7, 8, 9, 10].map((host) => ask({ dst: `198.51.100.${host}` }, { sport: 5000 + host })),
    ask({ src: OTHER }),
    segment('S', { src: OTHER }),
  ]),
  scene(
    'persistent of IPv6 goes by the source alone',
    snat('ip6', 'snat to 2001:db8:2::20-2001:db8:2::2f persistent'),
    [...[7, 8, 9].map((host) => ask6({ dst: `2001:db8:99::${host}` }, { sport: 5000 + host })), ask6({ src: OTHER6 })],
  ),
  scene('snat to several IPv6 addresses, over a word', snat('ip6', 'snat to 2001:db8:2::1:0-2001:db8:3::5:7'), [
    ...[7, 8, 9, 10].map((host) => ask6({ dst: `2001:db8:99::${host}` }, { sport: 5000 + host })),
    ask6({ src: OTHER6 }),
  ]),
  scene('snat of IPv6 searches another port when the tuple is taken', snat('ip6', `snat to ${ROUTER6}`), [
    ask6(),
    ask6({ src: OTHER6 }),
    segment6('S'),
    segment6('S', { src: OTHER6 }),
    echo6(),
    echo6({ src: OTHER6 }, 8),
  ]),
  scene('random takes any port, even when the own one is free', snat('ip', `snat to ${ROUTER} random`), [
    ask(),
    ask({}, { sport: 5001 }),
    segment('S'),
  ]),
  scene('fully-random takes any port', snat('ip', `snat to ${ROUTER} fully-random`), [ask(), segment('S'), ask()]),
  scene('random within one port is that port', snat('ip', `ip protocol udp snat to ${ROUTER}:7777-7777 random`), [
    ask(),
    answer({}, { dport: 7777 }),
  ]),
];

const MASQ: KernelScene[] = [
  scene('masquerade takes the address of the way out', MASQUERADE, [
    ask(),
    answer(),
    ask6(),
    answer6(),
    ask({ dst: '203.0.113.77' }),
    segment('S'),
    echo(),
    echo6(),
  ]),
  scene(
    'masquerade takes the first address of the scope, not the preferred source of the route',
    snat('ip', 'masquerade'),
    [
      ask(),
      ask({ dst: '10.9.0.1' }),
      ask({ dst: '203.0.113.77' }),
      ask({ dst: '203.0.114.77' }),
      ask({ dst: '203.0.114.7' }),
    ],
    {
      router: {
        interfaces: [
          { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['192.168.1.1/24'] },
          {
            name: 'wan0',
            mac: '02:00:00:00:00:02',
            addresses: ['203.0.113.1/24', '203.0.113.2/24', '203.0.114.1/24', '203.0.114.5/29'],
          },
        ],
        routes: [
          { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', src: '203.0.113.2' },
          { dst: '10.9.0.0/16', via: '203.0.114.254', dev: 'wan0' },
        ],
        neighbours: [],
      },
    },
  ),
  scene(
    'masquerade of IPv6 takes the source address that a socket would',
    snat('ip6', 'masquerade'),
    [ask6(), ask6({ dst: '2001:db8:5::9' }), ask6({ dst: 'fd00:77::9' }), ask6({ dst: '2002:1::1' })],
    {
      router: {
        interfaces: [
          { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['fd00:1::1/64'] },
          {
            name: 'wan0',
            mac: '02:00:00:00:00:02',
            addresses: ['2001:db8:2::1/64', '2001:db8:5::1/64', 'fd00:77::1/64', '2001:db8:2::5/64'],
          },
        ],
        routes: [{ dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0' }],
        neighbours: [],
      },
    },
  ),
  scene('masquerade to a range of ports', snat('ip', 'ip protocol udp masquerade to :6000-6000'), [
    ask(),
    answer({}, { dport: 6000 }),
    ask({ dst: '198.51.100.8' }, { sport: 6000 }),
  ]),
  scene('masquerade random and fully-random', snat('ip', 'udp dport 53 masquerade random', 'masquerade fully-random'), [
    ask(),
    ask({}, { dport: 54 }),
  ]),
  scene(
    'a masqueraded connection that leaves elsewhere is dropped and forgotten',
    `${chain('inet', 'filter hook prerouting priority -150', ['ip ttl 63 meta mark set 1'])}${snat('ip', 'masquerade')}`,
    [ask(), ask({ ttl: 63 }), ask({ ttl: 63 }), ask()],
    {
      router: {
        interfaces: [
          { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['192.168.1.1/24'] },
          { name: 'wan0', mac: '02:00:00:00:00:02', addresses: ['203.0.113.1/24'] },
          { name: 'wan1', mac: '02:00:00:00:00:03', addresses: ['198.18.0.1/24'] },
        ],
        routes: [
          { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0' },
          { dst: '0.0.0.0/0', via: '198.18.0.254', dev: 'wan1', table: 100 },
        ],
        rules: [{ priority: 10, fwmark: 1, table: 100 }],
        neighbours: [],
      },
    },
  ),
];

const DESTINATION: KernelScene[] = [
  scene('dnat to an address and a port, and back', dnat('ip', `udp dport 53 dnat to ${OTHER}:5353`), [
    from('wan0', { src: SERVER, dst: ROUTER }, udp({ sport: 9, dport: 53 }, bytes(4))),
    from('lan0', { src: OTHER, dst: SERVER }, udp({ sport: 5353, dport: 9 }, bytes(4))),
    from('lan0', { src: OTHER, dst: SERVER }, udp({ sport: 53, dport: 9 }, bytes(4))),
  ]),
  scene(
    'dnat to several addresses goes by a hash of both ends',
    dnat('ip', 'udp dport 53 dnat to 192.168.1.20-192.168.1.29'),
    [
      ...[1, 2, 3, 4].map((host) =>
        from('wan0', { src: `198.51.100.${host}`, dst: ROUTER }, udp({ sport: host, dport: 53 })),
      ),
      ...ALL_PORTS.map((sport) => from('wan0', { src: SERVER, dst: ROUTER }, udp({ sport, dport: 53 }))),
    ],
    { router: hosts(20, 29) },
  ),
  scene('dnat to a range of ports takes the first', dnat('ip', `udp dport 53 dnat to ${OTHER}:7000-7005`), [
    from('wan0', { src: SERVER, dst: ROUTER }, udp({ sport: 9, dport: 53 })),
    from('wan0', { src: SERVER, dst: '203.0.113.1' }, udp({ sport: 10, dport: 53 })),
    from('wan0', { src: SERVER, dst: ROUTER }, udp({ sport: 9, dport: 54 })),
  ]),
  scene(
    'dnat by a map of ports',
    `table ip destination {
	map m {
		type inet_service : ipv4_addr . inet_service
		elements = { 80 : 192.168.1.20 . 8080, 443 : 192.168.1.21 . 8443 }
	}
	chain c {
		type nat hook prerouting priority -100; policy accept;
		dnat ip to tcp dport map @m
	}
}`,
    [
      from('wan0', { src: SERVER, dst: ROUTER }, segmentOf(1, 80)),
      from('wan0', { src: SERVER, dst: ROUTER }, segmentOf(1, 443)),
      from('wan0', { src: SERVER, dst: ROUTER }, segmentOf(1, 22)),
    ],
  ),
  scene(
    'dnat to intervals of a map',
    `table ip destination {
	map m {
		type ipv4_addr : interval ipv4_addr
		flags interval
		elements = { 198.51.100.0/25 : 192.168.1.20-192.168.1.23, 198.51.100.128/25 : 192.168.1.40/30 }
	}
	chain c {
		type nat hook prerouting priority -100; policy accept;
		dnat ip to ip saddr map @m
	}
}`,
    [7, 8, 9, 130, 131, 132].map((host) =>
      from('wan0', { src: `198.51.100.${host}`, dst: ROUTER }, udp({ sport: host, dport: 53 })),
    ),
    { router: hosts(20, 43) },
  ),
  scene(
    'dnat and snat of one connection',
    `${dnat('ip', `tcp dport 80 dnat to ${OTHER}`)}${snat('ip', `oifname "lan0" snat to ${LAN_ROUTER}`)}`,
    [
      from('wan0', { src: SERVER, dst: ROUTER }, segmentOf(4000, 80)),
      from('lan0', { src: OTHER, dst: LAN_ROUTER }, segmentOf(80, 4000, 'SA')),
      from('wan0', { src: '198.51.100.8', dst: ROUTER }, segmentOf(4000, 80)),
    ],
  ),
  scene(
    'hairpin: a host reaches its neighbour by the outer address',
    `${dnat('ip', `ip daddr ${ROUTER} tcp dport 80 dnat to ${OTHER}`)}${snat('ip', 'iifname "lan0" oifname "lan0" masquerade')}`,
    [
      segment('S', { dst: ROUTER }),
      from('lan0', { src: OTHER, dst: LAN_ROUTER }, segmentOf(80, 40000, 'SA')),
      segment('A', { dst: ROUTER }),
    ],
  ),
  scene(
    'redirect goes to the first address of the way in',
    dnat('ip', 'udp dport 53 redirect', 'tcp dport 80 redirect to :8080', 'udp dport 100-110 redirect to :200-201'),
    [ask(), segment('S'), ask({}, { dport: 100 }), ask({}, { dport: 101 }), ask({ src: OTHER }, { dport: 101 })],
  ),
  scene('redirect of IPv6', dnat('ip6', 'udp dport 53 redirect to :5353', 'tcp dport 80 redirect'), [
    ask6(),
    segment6('S'),
    ask6({ dst: 'fd00:99::1' }),
  ]),
  scene('redirect in an inet table', dnat('inet', 'meta l4proto { tcp, udp } redirect to :9'), [
    ask(),
    ask6(),
    segment('S'),
    echo(),
  ]),
];

const BINDING: KernelScene[] = [
  scene(
    'the first statement binds: later chains and rules are not asked',
    `${snat('ip', 'udp dport 53 counter snat to 203.0.113.20', 'counter snat to 203.0.113.21')}${chain('ip', 'nat hook postrouting priority 101', ['counter snat to 203.0.113.22'], 'later')}`,
    [
      ask(),
      ask(),
      ask({}, { dport: 54 }),
      answer({ dst: '203.0.113.20' }),
      answer({ dst: '203.0.113.21' }, { sport: 54 }),
    ],
  ),
  scene('nat chains see the first packet of a connection only', `${dnat('ip', 'counter')}${snat('ip', 'counter')}`, [
    ask(),
    answer({ dst: LAN }),
    ask(),
    ask(),
    segment('S'),
    segment('S'),
  ]),
  scene('accept in a nat chain leaves a null binding', `${snat('ip', 'udp dport 53 accept', 'snat to 203.0.113.20')}`, [
    ask(),
    ask({}, { dport: 54 }),
  ]),
  scene('drop in a nat chain drops, and the next packet asks again', snat('ip', 'udp dport 53 counter drop'), [
    ask(),
    ask(),
  ]),
  scene(
    'a null binding changes the port when its answers are those of another connection',
    snat('ip', `ip saddr ${OTHER} snat to ${LAN}`),
    [ask({ src: OTHER }), ask(), ask({}, { sport: 5001 }), segment('S', { src: OTHER }), segment('S')],
  ),
  scene(
    'a connection that was there before is not translated',
    `${chain('ip', 'filter hook prerouting priority -300', ['ip ttl 63 notrack'])}${snat('ip', 'masquerade')}`,
    [ask({ ttl: 63 }), ask(), ask({ ttl: 63 })],
  ),
  scene(
    'connections in two zones get different ports of one address',
    `${chain('ip', 'filter hook prerouting priority -300', [`ip saddr ${OTHER} ct original zone set 2`])}${snat('ip', `snat to ${ROUTER}`)}`,
    [ask(), ask({ src: OTHER }), answer()],
  ),
  scene('a mid-stream connection is translated as it is picked up', MASQUERADE, [
    segment('A', {}, { ack: 5 }, 10),
    segment('PA', {}, { seq: 1010, ack: 5 }, 10),
  ]),
  scene(
    'untracked packets pass without translation',
    `${chain('ip', 'filter hook prerouting priority -300', ['notrack'])}${MASQUERADE}`,
    [ask(), segment('S')],
  ),
  scene('protocols without ports: addresses only', snat('ip', `snat to ${ROUTER}`), [
    from('lan0', { src: LAN, dst: SERVER }, { protocol: 47, bytes: Uint8Array.of(0, 0, 8, 0, 1, 2, 3, 4) }),
    from('lan0', { src: OTHER, dst: SERVER }, { protocol: 47, bytes: Uint8Array.of(0, 0, 8, 0, 1, 2, 3, 4) }),
    from('lan0', { src: LAN, dst: SERVER }, { protocol: 50, bytes: bytes(20) }),
    from('lan0', { src: OTHER, dst: SERVER }, { protocol: 50, bytes: bytes(20) }),
    from('wan0', { src: SERVER, dst: ROUTER }, { protocol: 50, bytes: bytes(20) }),
    from('lan0', { src: LAN, dst: SERVER }, { protocol: 136, bytes: udp({ sport: 5000, dport: 53 }, bytes(8)).bytes }),
    from(
      'lan0',
      { src: LAN, dst: SERVER },
      {
        protocol: 132,
        bytes: Uint8Array.of(
          0x13,
          0x88,
          0,
          80,
          0,
          0,
          0,
          0,
          1,
          2,
          3,
          4,
          1,
          0,
          0,
          20,
          0,
          0,
          0,
          9,
          0,
          0,
          16,
          0,
          0,
          1,
          0,
          1,
          0,
          0,
          0,
          7,
        ),
      },
    ),
    from(
      'lan0',
      { src: LAN, dst: SERVER },
      {
        protocol: 33,
        bytes: Uint8Array.of(0x13, 0x88, 0, 80, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
      },
    ),
  ]),
];

const PREFIX: KernelScene[] = [
  scene(
    'netmap: the network part changes, the host part stays',
    `${snat('ip', 'snat ip prefix to ip saddr map { 192.168.1.0/24 : 203.0.113.0/24 }')}`,
    [ask(), ask({ src: OTHER }), answer({ dst: '203.0.113.20' }), segment('S', { src: '192.168.1.255' })],
  ),
  scene('netmap of destinations', dnat('ip', 'dnat ip prefix to ip daddr map { 203.0.113.0/25 : 192.168.1.128/25 }'), [
    from('wan0', { src: SERVER, dst: '203.0.113.5' }, udp({ sport: 9, dport: 53 })),
    from('wan0', { src: SERVER, dst: '203.0.113.127' }, udp({ sport: 9, dport: 53 })),
    from('wan0', { src: SERVER, dst: '203.0.113.129' }, udp({ sport: 9, dport: 53 })),
    from('lan0', { src: '192.168.1.133', dst: SERVER }, udp({ sport: 53, dport: 9 })),
  ]),
  scene(
    'netmap of IPv6, both ways',
    `${snat('ip6', 'snat ip6 prefix to ip6 saddr map { fd00:1::/64 : 2001:db8:77::/64 }')}${dnat('ip6', 'dnat ip6 prefix to ip6 daddr map { 2001:db8:77::/64 : fd00:1::/64 }')}`,
    [
      ask6(),
      answer6({ dst: '2001:db8:77::10' }),
      answer6({ dst: '2001:db8:77::33' }, { sport: 9, dport: 80 }),
      ask6({ src: 'fd00:1::33' }, { sport: 80, dport: 9 }),
      segment6('S'),
    ],
  ),
];

const ERRORS: KernelScene[] = [
  scene('an ICMP error from outside gets the quoted addresses and ports translated', MASQUERADE, [
    ask(),
    error(ask({ src: ROUTER, ttl: 63 })),
    segment('S'),
    error(segment('S', { src: ROUTER, ttl: 63 }), HOP, ROUTER, 3, 4, 1400),
    echo(),
    error(echo({ src: ROUTER, ttl: 63 }), HOP, ROUTER, 11, 0),
    error(ask({ src: ROUTER, ttl: 63 }), SERVER, ROUTER, 3, 3),
    error(ask({ src: ROUTER }, { sport: 5999 })),
  ]),
  scene('an ICMPv6 error from outside gets the quoted addresses translated', MASQUERADE, [
    ask6(),
    error6(ask6({ src: ROUTER6, ttl: 63 })),
    segment6('S'),
    error6(segment6('S', { src: ROUTER6, ttl: 63 }), HOP6, ROUTER6, 2, 0, 1280),
    echo6(),
    error6(echo6({ src: ROUTER6, ttl: 63 }), HOP6, ROUTER6, 3, 0),
  ]),
  scene('an ICMP error from inside about an answer leaves with the outer address', MASQUERADE, [
    ask(),
    answer(),
    from('lan0', { src: LAN, dst: SERVER }, icmp(3, 3, 0, answer({ dst: LAN, ttl: 63 })[1])),
    from('lan0', { src: OTHER, dst: SERVER }, icmp(11, 1, 0, answer({ dst: LAN, ttl: 63 })[1])),
  ]),
  scene('ICMP errors about a dnatted connection, both ways', dnat('ip', `udp dport 53 dnat to ${OTHER}:5353`), [
    from('wan0', { src: SERVER, dst: ROUTER }, udp({ sport: 9, dport: 53 }, bytes(4))),
    from(
      'lan0',
      { src: OTHER, dst: SERVER },
      icmp(3, 3, 0, from('', { src: SERVER, dst: OTHER, ttl: 63 }, udp({ sport: 9, dport: 5353 }, bytes(4)))[1]),
    ),
    from('lan0', { src: OTHER, dst: SERVER }, udp({ sport: 5353, dport: 9 }, bytes(4))),
    error(from('', { src: ROUTER, dst: SERVER }, udp({ sport: 53, dport: 9 }, bytes(4)))),
  ]),
  scene(
    'the router quotes a dnatted packet as it came',
    `${dnat('ip', `udp dport 53 dnat to ${OTHER}:5353`)}${filter('forward', 'udp dport 5353 reject')}`,
    [
      from('wan0', { src: SERVER, dst: ROUTER }, udp({ sport: 9, dport: 53 }, bytes(4))),
      from('wan0', { src: SERVER, dst: ROUTER, ttl: 1 }, udp({ sport: 10, dport: 53 }, bytes(4))),
    ],
  ),
  scene('the router quotes a masqueraded packet as it came', MASQUERADE, [ask({ ttl: 1 }), ask(), ask({ ttl: 1 })]),
  scene('quotes that end early are translated as far as ports go', MASQUERADE, [
    ask(),
    error(cut(ask({ src: ROUTER }), 28)),
    error(cut(ask({ src: ROUTER }), 24)),
    error(cut(ask({ src: ROUTER }), 20)),
    segment('S'),
    error(cut(segment('S', { src: ROUTER }), 28)),
    error(cut(segment('S', { src: ROUTER }), 39)),
    error(cut(segment('S', { src: ROUTER }), 24)),
    echo(),
    error(cut(echo({ src: ROUTER }), 28)),
    error(cut(echo({ src: ROUTER }), 27)),
  ]),
  scene('quotes of IPv6 that end early', MASQUERADE, [
    ask6(),
    error6(cut(ask6({ src: ROUTER6 }), 48)),
    error6(cut(ask6({ src: ROUTER6 }), 44)),
    segment6('S'),
    error6(cut(segment6('S', { src: ROUTER6 }), 48)),
  ]),
  scene('a quoted UDP checksum of zero stays zero', MASQUERADE, [
    zeroSum(ask()),
    error(zeroSum(ask({ src: ROUTER }))),
    answer(),
    from('lan0', { src: LAN, dst: SERVER }, icmp(3, 3, 0, zeroSum(answer({ dst: LAN }))[1])),
  ]),
  scene('an ICMP error with a wrong checksum is invalid and goes to the router itself', MASQUERADE, [
    ask(),
    patched(error(ask({ src: ROUTER })), 22, 0x1234),
  ]),
  scene(
    'an ICMP error with a wrong checksum is dropped by NAT when conntrack does not look',
    MASQUERADE,
    [ask(), patched(error(ask({ src: ROUTER })), 22, 0x1234)],
    {
      sysctl: { 'net.netfilter.nf_conntrack_checksum': 0 },
    },
  ),
  scene('a redirect about a translated connection is dropped', MASQUERADE, [
    ask(),
    error(ask({ src: ROUTER }), '203.0.113.254', ROUTER, 5, 1, 0xcb007109),
    ask6(),
    error6(ask6({ src: ROUTER6 }), '2001:db8:2::fe', ROUTER6, 137),
  ]),
  scene('a redirect about a connection that is not translated passes', filter('forward', 'ct state related counter'), [
    ask(),
    error(ask(), '203.0.113.254', LAN, 5, 1, 0xcb007109),
  ]),
  scene('a quoted ICMP error relates to nothing', MASQUERADE, [
    ask(),
    error(error(ask({ src: ROUTER }))),
    error(from('', { src: ROUTER, dst: SERVER }, icmp(3, 1, 0, ask()[1]))),
  ]),
];

const CHECKSUMS: KernelScene[] = [
  scene('a UDP checksum of zero stays zero, one that becomes zero is written as ffff', MASQUERADE, [
    zeroSum(ask()),
    zeroSum(answer()),
    ...Array.from({ length: 3 }, (_, i) => becomesZero(5001 + i)),
  ]),
  scene(
    'checksums are changed, not made: a wrong one stays as wrong',
    MASQUERADE,
    [
      patched(ask(), 26, 0x1234),
      patched(segment('S'), 36, 0x1234),
      patched(echo(), 22, 0x1234),
      patched(ask6(), 46, 0x1234),
    ],
    { sysctl: { 'net.netfilter.nf_conntrack_checksum': 0 } },
  ),
  scene('a wrong checksum makes a packet invalid: it is not translated', MASQUERADE, [
    patched(ask(), 26, 0x1234),
    patched(segment('S'), 36, 0x1234),
    patched(echo(), 22, 0x1234),
    patched(ask6(), 46, 0x1234),
  ]),
  scene('a UDP checksum of zero in IPv6 is no checksum', MASQUERADE, [
    zeroSum(ask6()),
    zeroSum(ask6({}, { sport: 5001 }, 11)),
  ]),
  scene('TTL and addresses change the header checksum', MASQUERADE, [
    ...[0, 1, 0x00ff, 0xfeff, 0xffff, 0x8123].map((id, i) => ask({ id, ttl: 255 - i }, { sport: 5001 + i })),
  ]),
];

/** A datagram whose checksum is zero once the router's address stands in it: the payload makes it so. */
function becomesZero(sport: number): Row {
  const sent = from('lan0', { src: ROUTER, dst: SERVER }, udp({ sport, dport: 53 }, new Uint8Array(4)));
  const view = new DataView(sent[1].buffer, sent[1].byteOffset);
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint16(0, view.getUint16(26));
  return from('lan0', { src: LAN, dst: SERVER, ttl: 64 }, udp({ sport, dport: 53 }, payload));
}

export const NAT_SCENES: KernelScene[] = [SOURCE, MASQ, DESTINATION, BINDING, PREFIX, ERRORS, CHECKSUMS].flat();
