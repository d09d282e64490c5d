// Scenes of routing and of what the router itself sends, each named by what the kernel does (net/ipv4/route.c, fib_trie.c,
// ip_forward.c, ip_output.c, icmp.c and their IPv6 twins).
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { fragmentIpv4, icmp, icmpv6, ip, tcp, udp } from '../../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../../src/packet/checksum.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  answer,
  answer6,
  ask,
  ask6,
  at,
  bytes,
  chain,
  echo,
  echo6,
  filter,
  from,
  LAN,
  LAN_ROUTER,
  LAN_ROUTER6,
  LAN6,
  patched,
  ROUTER,
  ROUTER6,
  type Row,
  SERVER,
  SERVER6,
  scene,
  segment,
  segment6,
} from './rows.ts';

const [LAN0, WAN0] = TOPOLOGY.interfaces;
const WAN1 = { name: 'wan1', mac: '02:00:00:00:00:03', addresses: ['198.18.0.1/24', '2001:db8:3::1/64'] };
const routes = (...rows: object[]): { router: object } => ({
  router: { interfaces: [LAN0, WAN0, WAN1], routes: [...TOPOLOGY.routes, ...rows] },
});
const mtu = (octets: number): object => ({ interfaces: [LAN0, { ...WAN0, mtu: octets }] });

const ROUTING: KernelScene[] = [
  scene(
    'the longest prefix wins, whatever the metric',
    '',
    ['10.0.0.1', '10.1.0.1', '10.1.2.1', '10.1.2.3', '10.1.2.4'].flatMap((dst) => [
      ask({ dst }),
      segment('S', { dst }),
    ]),
    routes(
      { dst: '10.0.0.0/8', via: '203.0.113.253', dev: 'wan0' },
      { dst: '10.1.0.0/16', via: '198.18.0.253', dev: 'wan1', metric: 500 },
      { dst: '10.1.2.0/24', via: '203.0.113.252', dev: 'wan0', metric: 5 },
      { dst: '10.1.2.3/32', via: '198.18.0.252', dev: 'wan1', metric: 9999 },
    ),
  ),
  scene(
    'of equal prefixes the lowest metric wins',
    '',
    [ask({ dst: '10.0.0.1' }), ask6({ dst: '2001:db8:aa::1' })],
    routes(
      { dst: '10.0.0.0/8', via: '203.0.113.253', dev: 'wan0', metric: 20 },
      { dst: '10.0.0.0/8', via: '198.18.0.253', dev: 'wan1', metric: 10 },
      { dst: '2001:db8:aa::/48', via: '2001:db8:2::fd', dev: 'wan0', metric: 20 },
      { dst: '2001:db8:aa::/48', via: '2001:db8:3::fd', dev: 'wan1', metric: 10 },
    ),
  ),
  scene(
    'the longest prefix wins in IPv6 too',
    '',
    ['2001:db8:aa::1', '2001:db8:aa:1::1', '2001:db8:aa:1::2', '2001:db8:bb::1'].map((dst) => ask6({ dst })),
    routes(
      { dst: '2001:db8:aa::/48', via: '2001:db8:3::fd', dev: 'wan1' },
      { dst: '2001:db8:aa:1::/64', via: '2001:db8:2::fd', dev: 'wan0' },
      { dst: '2001:db8:aa:1::2/128', dev: 'wan1' },
    ),
  ),
  scene(
    'blackhole, unreachable, prohibit and throw in both families',
    '',
    [1, 2, 3, 4].flatMap((net) => [
      ask({ dst: `10.${net}.0.1` }),
      ask6({ dst: `2001:db8:a${net}::1` }),
      segment('S', { dst: `10.${net}.0.1` }),
      segment6('S', { dst: `2001:db8:a${net}::1` }),
    ]),
    routes(
      ...['blackhole', 'unreachable', 'prohibit', 'throw'].flatMap((type, i) => [
        { dst: `10.${i + 1}.0.0/16`, type },
        { dst: `2001:db8:a${i + 1}::/48`, type },
      ]),
    ),
  ),
  scene(
    'the routers own answers meet refusing routes silently',
    '',
    [
      from('lan0', { src: '10.1.0.1', dst: LAN_ROUTER }, icmp(8, 0, 1, bytes(8))),
      from('lan0', { src: '10.2.0.1', dst: LAN_ROUTER }, udp({ sport: 9, dport: 9 })),
      from('lan0', { src: '10.3.0.1', dst: SERVER, ttl: 1 }, udp({ sport: 9, dport: 9 })),
      from('lan0', { src: '10.2.0.1', dst: LAN_ROUTER }, tcp({ sport: 9, dport: 9, flags: 'S' })),
      from('lan0', { src: '2001:db8:a1::1', dst: LAN_ROUTER6 }, icmpv6(128, 0, 1, bytes(8))),
    ],
    routes(
      { dst: '10.1.0.0/16', type: 'blackhole' },
      { dst: '10.2.0.0/16', type: 'unreachable' },
      { dst: '10.3.0.0/16', type: 'prohibit' },
      { dst: '2001:db8:a1::/48', type: 'unreachable' },
    ),
  ),
  scene('no route at all: net unreachable, no route', '', [ask(), ask6(), echo(), echo6(), segment('S')], {
    router: { routes: [] },
  }),
  scene(
    'a mark of the output hook has answers looked up again, in both families',
    chain('inet', 'route hook output priority -150', [
      'icmp type echo-reply meta mark set 1 counter',
      'icmpv6 type echo-reply meta mark set 1 counter',
      'tcp flags rst meta mark set 1 counter',
    ]),
    [
      at('wan0', from('', { src: SERVER, dst: ROUTER }, icmp(8, 0, 1, bytes(8)))),
      at('wan0', from('', { src: SERVER6, dst: ROUTER6 }, icmpv6(128, 0, 1, bytes(8)))),
      at('wan0', from('', { src: SERVER, dst: ROUTER }, tcp({ sport: 9, dport: 9, flags: 'S' }))),
      at('wan0', from('', { src: SERVER6, dst: ROUTER6 }, tcp({ sport: 9, dport: 9, flags: 'S' }))),
    ],
    {
      router: {
        interfaces: [LAN0, WAN0, WAN1],
        routes: [
          ...TOPOLOGY.routes,
          { dst: '0.0.0.0/0', via: '198.18.0.254', dev: 'wan1', table: 100 },
          { dst: '::/0', via: '2001:db8:3::fe', dev: 'wan1', table: 100 },
        ],
        rules: [
          { priority: 10, family: 'ip', fwmark: 1, table: 100 },
          { priority: 10, family: 'ip6', fwmark: 1, table: 100 },
        ],
      },
    },
  ),
  scene(
    'a mark of a route chain that leads nowhere drops the answer',
    chain('inet', 'route hook output priority -150', ['icmp type echo-reply meta mark set 1 counter']),
    [at('wan0', from('', { src: SERVER, dst: ROUTER }, icmp(8, 0, 1, bytes(8))))],
    {
      router: {
        interfaces: [LAN0, WAN0],
        routes: [...TOPOLOGY.routes, { dst: '0.0.0.0/0', type: 'unreachable', table: 100 }],
        rules: [{ priority: 10, fwmark: 1, table: 100 }],
      },
    },
  ),
  scene('packets for the routers other address are its own, at any interface', '', [
    echo({ dst: ROUTER }),
    echo6({ dst: ROUTER6 }),
    at('wan0', echo({ src: SERVER, dst: LAN_ROUTER })),
    at('wan0', echo6({ src: SERVER6, dst: LAN_ROUTER6 })),
  ]),
  scene('broadcasts of a subnet end at the router', filter('forward', 'counter'), [
    ask({ dst: '192.168.1.255' }),
    ask({ dst: '192.168.1.0' }),
    ask({ dst: '203.0.113.255' }),
    ask({ dst: '255.255.255.255' }),
    at('wan0', ask({ src: SERVER, dst: '192.168.1.255' })),
    echo({ dst: '192.168.1.255' }),
    segment('S', { dst: '192.168.1.255' }),
  ]),
  scene(
    'bc_forwarding lets directed broadcasts through',
    filter('forward', 'counter'),
    [
      ask({ dst: '203.0.113.255' }),
      at('wan0', ask({ src: SERVER, dst: '192.168.1.255' })),
      ask({ dst: '192.168.1.255' }),
    ],
    {
      sysctl: {
        'net.ipv4.conf.all.bc_forwarding': 1,
        'net.ipv4.conf.lan0.bc_forwarding': 1,
        'net.ipv4.conf.wan0.bc_forwarding': 1,
      },
    },
  ),
  scene(
    'icmp_echo_ignore_broadcasts 0: a broadcast is answered',
    '',
    [echo({ dst: '192.168.1.255' }), echo({ dst: '224.0.0.1' })],
    {
      sysctl: { 'net.ipv4.icmp_echo_ignore_broadcasts': 0 },
    },
  ),
  scene('icmp_echo_ignore_all', '', [echo({ dst: LAN_ROUTER }), echo6({ dst: LAN_ROUTER6 })], {
    sysctl: { 'net.ipv4.icmp_echo_ignore_all': 1, 'net.ipv6.icmp.echo_ignore_all': 1 },
  }),
  scene(
    'icmp_errors_use_inbound_ifaddr',
    '',
    [at('wan0', answer({ dst: LAN, ttl: 1 })), ask({ ttl: 1 }), ask({ src: '10.9.9.9', ttl: 1 })],
    {
      sysctl: { 'net.ipv4.icmp_errors_use_inbound_ifaddr': 1 },
    },
  ),
  scene(
    'ip_default_ttl and hop_limit are of what the router sends',
    '',
    [
      echo({ dst: LAN_ROUTER }),
      ask({ ttl: 1 }),
      segment('S', { dst: LAN_ROUTER }),
      echo6({ dst: LAN_ROUTER6 }),
      segment6('S', { dst: LAN_ROUTER6 }),
    ],
    {
      sysctl: { 'net.ipv4.ip_default_ttl': 99, 'net.ipv6.conf.lan0.hop_limit': 77 },
    },
  ),
  scene('forwarding off at one interface only', filter('forward', 'counter'), [ask(), answer({ dst: LAN }), ask6()], {
    sysctl: { 'net.ipv4.conf.lan0.forwarding': 0 },
  }),
  scene('forwarding of IPv6 off', filter('forward', 'counter'), [ask(), ask6(), echo6({ dst: LAN_ROUTER6 })], {
    sysctl: { 'net.ipv6.conf.all.forwarding': 0 },
  }),
];

const FILTERED: Row[] = [
  ask(),
  ask({ src: '10.0.0.1' }),
  ask({ src: '198.18.0.9' }),
  ask({ src: '10.7.0.1' }),
  ask({ src: '192.168.1.255' }),
  ask({ src: LAN_ROUTER }),
  ask({ src: '10.0.0.1', dst: LAN_ROUTER }),
  at('wan1', answer({ dst: LAN })),
  at('wan1', answer({ src: '198.18.0.9', dst: LAN })),
  at('wan1', answer({ src: '10.0.0.1', dst: LAN })),
  at('wan0', answer({ src: '198.18.0.9', dst: LAN })),
];
const filtered = (name: string, sysctl: Record<string, number>): KernelScene =>
  scene(name, filter('forward', 'counter'), FILTERED, {
    ...routes({ dst: '10.0.0.0/16', via: '198.18.0.253', dev: 'wan1' }, { dst: '10.7.0.0/16', type: 'blackhole' }),
    sysctl,
  });

const SOURCES: KernelScene[] = [
  filtered('rp_filter 0: any source but ones own', {}),
  filtered('rp_filter 1: the way back must be the way in', { 'net.ipv4.conf.all.rp_filter': 1 }),
  filtered('rp_filter 2: there must be a way back', { 'net.ipv4.conf.all.rp_filter': 2 }),
  filtered('rp_filter: the larger of all and of the interface counts', {
    'net.ipv4.conf.all.rp_filter': 1,
    'net.ipv4.conf.wan1.rp_filter': 2,
    'net.ipv4.conf.lan0.rp_filter': 0,
  }),
  filtered('accept_local takes ones own source', {
    'net.ipv4.conf.lan0.accept_local': 1,
    'net.ipv4.conf.lan0.rp_filter': 0,
  }),
  scene(
    'martians are dropped without a word',
    filter('prerouting', 'counter'),
    [
      ['127.0.0.1', SERVER],
      [LAN, '127.0.0.1'],
      ['0.0.0.0', SERVER],
      [LAN, '0.0.0.0'],
      ['224.0.0.5', SERVER],
      ['255.255.255.255', SERVER],
      ['240.0.0.1', SERVER],
      [LAN, '240.0.0.1'],
      [LAN, '0.1.2.3'],
      ['0.1.2.3', SERVER],
      [LAN_ROUTER, SERVER],
    ].map(([src = '', dst = '']) => ask({ src, dst })),
  ),
  scene(
    'route_localnet lets 127.0.0.0/8 in',
    filter('prerouting', 'counter'),
    [ask({ dst: '127.0.0.1' }), ask({ src: '127.0.0.1' })],
    {
      sysctl: { 'net.ipv4.conf.lan0.route_localnet': 1 },
    },
  ),
  scene(
    'martians of IPv6',
    filter('prerouting', 'counter'),
    [
      ['::1', SERVER6],
      [LAN6, '::1'],
      ['ff02::5', SERVER6],
      ['::', SERVER6],
      ['fe80::5', SERVER6],
      ['fe80::5', LAN_ROUTER6],
      [LAN_ROUTER6, SERVER6],
      [LAN6, '::'],
      ['::ffff:1.2.3.4', SERVER6],
      [LAN6, '::ffff:1.2.3.4'],
      ['::1.2.3.4', SERVER6],
    ].map(([src = '', dst = '']) => ask6({ src, dst })),
  ),
];

const LIMITS: KernelScene[] = [
  scene('TTL exceeded: quotes up to 576 octets, with the TOS of internet control', '', [
    ask({ ttl: 1 }),
    ask({ ttl: 1, tos: 0xb9 }),
    ask({ ttl: 1 }, {}, 1400),
    ask({ ttl: 0 }),
    segment('S', { ttl: 1 }),
    echo({ ttl: 1 }),
    from('lan0', { src: LAN, dst: SERVER, ttl: 1 }, icmp(3, 3, 0, bytes(28))),
    from('lan0', { src: LAN, dst: SERVER, ttl: 1, fragmentOffset: 80 }, udp({ sport: 1, dport: 2 })),
  ]),
  scene('hop limit exceeded: quotes up to 1280 octets', '', [
    ask6({ ttl: 1 }),
    ask6({ ttl: 1, tos: 0xb9 }),
    ask6({ ttl: 1 }, {}, 1400),
    ask6({ ttl: 0 }),
    segment6('S', { ttl: 1 }),
    echo6({ ttl: 1 }),
    from('lan0', { src: LAN6, dst: SERVER6, ttl: 1 }, icmpv6(1, 3, 0, bytes(48))),
  ]),
  scene('a TTL that ends at the router itself is good', '', [
    echo({ dst: LAN_ROUTER, ttl: 1 }),
    echo6({ dst: LAN_ROUTER6, ttl: 1 }),
    ask({ dst: ROUTER, ttl: 1 }),
  ]),
  scene(
    'the TTL is looked at before the forward chain, the error after prerouting',
    `${filter('prerouting', 'counter')}${filter('forward', 'counter')}${filter('output', 'icmp type time-exceeded counter')}`,
    [ask({ ttl: 1 }), ask({ ttl: 2 })],
  ),
  scene(
    'a rule that raises the TTL saves the packet',
    chain('ip', 'filter hook prerouting priority -150', ['ip ttl 1 ip ttl set 9']),
    [ask({ ttl: 1 })],
  ),
  scene(
    'fragmentation needed: the MTU of the way out',
    '',
    [
      ask({ dontFragment: true }, {}, 1373),
      ask({ dontFragment: true }, {}, 1372),
      ask({}, {}, 1373),
      answer({ dst: LAN, dontFragment: true }, {}, 1472),
      segment('A', { dontFragment: true }, { ack: 1 }, 1400),
    ],
    { router: mtu(1400) },
  ),
  scene(
    'packet too big: the MTU of the way out, quoted up to 1280 octets',
    '',
    [ask6({}, {}, 1353), ask6({}, {}, 1352), segment6('A', {}, { ack: 1 }, 1400), answer6({ dst: LAN6 }, {}, 1400)],
    { router: mtu(1400) },
  ),
  scene(
    'an IPv6 way out below 1280 octets says 1280',
    '',
    [ask6({}, {}, 1300), ask({ dontFragment: true }, {}, 1300)],
    {
      router: {
        routes: [
          ...TOPOLOGY.routes,
          { dst: '2001:db8:99::/48', via: '2001:db8:2::fe', dev: 'wan0', mtu: 1280 },
          { dst: '198.51.100.0/24', via: '203.0.113.254', dev: 'wan0', mtu: 700 },
        ],
      },
    },
  ),
  scene(
    'the router fragments its own answers',
    '',
    [
      echo({ dst: ROUTER }, 7, 1, 1400),
      at('wan0', echo({ src: SERVER, dst: ROUTER }, 7, 1, 1472)),
      at('wan0', echo6({ src: SERVER6, dst: ROUTER6 }, 7, 1, 1452)),
    ],
    {
      router: mtu(1400),
    },
  ),
  scene(
    'fragments with DF that would not fit are told, by the reassembled size',
    chain('inet', 'filter hook forward priority 0', ['ct state new counter']),
    [
      ...fragmentIpv4(
        ip({ src: LAN, dst: SERVER, id: 9, dontFragment: true }, udp({ sport: 1, dport: 2 }, bytes(2000))),
        1500,
      ).map((part): Row => ['lan0', dontFragment(part)]),
      ...fragmentIpv4(ip({ src: LAN, dst: SERVER, id: 10 }, udp({ sport: 1, dport: 2 }, bytes(2000))), 1500).map(
        (part): Row => ['lan0', part],
      ),
    ],
    { router: mtu(1400) },
  ),
  scene(
    'no redirect is sent when send_redirects is off',
    '',
    [ask({ dst: '10.1.1.1' }), ask({ dst: '192.168.1.77' })],
    {
      router: { routes: [...TOPOLOGY.routes, { dst: '10.0.0.0/8', via: '192.168.1.254', dev: 'lan0' }] },
    },
  ),
];

const ANSWERS: KernelScene[] = [
  scene('echo replies: data, TOS and id as asked, from the address that was asked', '', [
    echo({ dst: LAN_ROUTER }, 1, 2, 0),
    echo({ dst: LAN_ROUTER, tos: 0xb8, ttl: 3, dontFragment: true }, 1, 2, 1400),
    echo({ dst: ROUTER, tos: 0x03 }),
    echo6({ dst: LAN_ROUTER6, tos: 0xb8 }, 1, 2, 0),
    echo6({ dst: ROUTER6 }, 1, 2, 1400),
    patched(echo({ dst: LAN_ROUTER }), 22, 0x1234),
    patched(echo6({ dst: LAN_ROUTER6 }), 42, 0x1234),
  ]),
  scene('timestamp requests are answered, other questions are not', '', [
    from('lan0', { src: LAN, dst: LAN_ROUTER }, icmp(13, 0, 0x00010002, bytes(12))),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, icmp(15, 0, 0x00010002)),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, icmp(17, 0, 0x00010002, bytes(4))),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, icmp(10, 0, 0)),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, icmp(42, 0, 0x00010002, bytes(8))),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, icmp(8, 3, 0x00010002, bytes(8))),
  ]),
  scene('closed TCP ports are reset, in both families', '', [
    segment('S', { dst: LAN_ROUTER }),
    segment('A', { dst: LAN_ROUTER }, { ack: 77 }),
    segment('FA', { dst: LAN_ROUTER }, { ack: 77 }, 9),
    segment('SA', { dst: LAN_ROUTER }, { ack: 77 }),
    segment('', { dst: LAN_ROUTER }, {}, 9),
    segment('R', { dst: LAN_ROUTER }),
    segment('S', { dst: LAN_ROUTER, tos: 0xb9 }, {}, 5),
    segment6('S', { dst: LAN_ROUTER6 }),
    segment6('A', { dst: LAN_ROUTER6, tos: 0xb9 }, { ack: 77 }),
    segment6('FPU', { dst: LAN_ROUTER6 }, {}, 9),
    segment6('R', { dst: LAN_ROUTER6 }),
  ]),
  scene('closed UDP ports are unreachable; a wrong checksum says nothing', '', [
    ask({ dst: LAN_ROUTER }),
    ask({ dst: ROUTER, tos: 0x2e }, {}, 900),
    ask6({ dst: LAN_ROUTER6 }),
    ask6({ dst: ROUTER6 }, {}, 1400),
    patched(ask({ dst: LAN_ROUTER }), 26, 0x1234),
    patched(ask({ dst: LAN_ROUTER }), 26, 0),
    patched(ask6({ dst: LAN_ROUTER6 }), 46, 0),
    patched(ask({ dst: LAN_ROUTER }), 24, 200),
    patched(ask({ dst: LAN_ROUTER }), 24, 10),
  ]),
  scene('unknown protocols: protocol unreachable, parameter problem', '', [
    from('lan0', { src: LAN, dst: LAN_ROUTER }, { protocol: 200, bytes: bytes(20) }),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, { protocol: 132, bytes: bytes(20) }),
    from('lan0', { src: LAN, dst: LAN_ROUTER }, { protocol: 2, bytes: bytes(20) }),
    from('lan0', { src: LAN6, dst: LAN_ROUTER6 }, { protocol: 200, bytes: bytes(20) }),
    from('lan0', { src: LAN6, dst: LAN_ROUTER6 }, { protocol: 59, bytes: bytes(20) }),
  ]),
  scene(
    'errors for the router about nothing end there',
    filter('input', 'ct state invalid counter', 'ct state related counter'),
    [
      at('wan0', from('', { src: SERVER, dst: ROUTER }, icmp(3, 3, 0, ask({ src: ROUTER })[1]))),
      at('wan0', from('', { src: SERVER6, dst: ROUTER6 }, icmpv6(1, 4, 0, ask6({ src: ROUTER6 })[1]))),
      at('wan0', from('', { src: SERVER, dst: ROUTER }, icmp(0, 0, 7, bytes(8)))),
    ],
  ),
];

const OPTIONS: [string, number[]][] = [
  ['a recorded route', [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['a recorded route with one place left', [7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 1]],
  ['a full recorded route', [7, 7, 8, 1, 2, 3, 4, 1]],
  ['timestamps', [0x44, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['timestamps with addresses', [0x44, 20, 5, 1, ...new Array(16).fill(0)]],
  ['timestamps of given addresses', [0x44, 20, 5, 3, 192, 168, 1, 1, 0, 0, 0, 0, 203, 0, 113, 1, 0, 0, 0, 0]],
  ['timestamps of other addresses', [0x44, 12, 5, 3, 8, 8, 8, 8, 0, 0, 0, 0]],
  ['timestamps that overflow', [0x44, 8, 9, 0x10, 1, 2, 3, 4]],
  ['both', [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0x44, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  ['router alert and others', [0x94, 4, 0, 0, 0x82, 4, 1, 1]],
];
const ECHOED: KernelScene[] = OPTIONS.map(([name, octets]) => {
  const options = Uint8Array.from(octets);
  return scene(
    `answers echo options: ${name}`,
    filter('forward', 'udp dport 7 reject'),
    [
      echo({ dst: LAN_ROUTER, options }),
      ask({ ttl: 1, options }),
      ask({ dst: LAN_ROUTER, options }, {}, 600),
      ask({ options }, { dport: 7 }),
      ask({ dst: '10.250.0.1', options }),
      from('lan0', { src: LAN, dst: LAN_ROUTER, options }, icmp(13, 0, 0x00010002, bytes(12))),
      segment('S', { dst: LAN_ROUTER, options }),
      echo({ dst: '192.168.1.255', options }),
      ask({ options }),
    ],
    {
      router: { routes: [...TOPOLOGY.routes, { dst: '10.250.0.0/16', type: 'unreachable' }] },
      sysctl: { 'net.ipv4.icmp_echo_ignore_broadcasts': 0 },
    },
  );
});

function dontFragment(datagram: Uint8Array): Uint8Array {
  const copy = datagram.slice();
  copy[6] = (copy[6] ?? 0) | 0x40;
  return patchedHeader(copy);
}

function patchedHeader(datagram: Uint8Array): Uint8Array {
  writeIpv4Checksum(datagram, 0);
  return datagram;
}

export const OUTPUT_SCENES: KernelScene[] = [ROUTING, SOURCES, LIMITS, ANSWERS, ECHOED].flat();
