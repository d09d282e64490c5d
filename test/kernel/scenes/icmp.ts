// Scenes of how often a router sends ICMP messages, and of redirects, each named by what the kernel does (net/ipv4/icmp.c,
// inetpeer.c, route.c; net/ipv6/icmp.c, ndisc.c). icmp_msgs_per_sec is judged where its lot decides nothing.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { icmp, icmpv6, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  ask,
  ask6,
  bytes,
  echo,
  filter,
  from,
  LAN,
  LAN_ROUTER,
  type Row,
  type SceneOptions,
  SERVER6,
  scene,
} from './rows.ts';

const LIMITED = { 'net.ipv4.icmp_ratelimit': 1000, 'net.ipv6.icmp.ratelimit': 1000 };
const limited = (more: Record<string, number | string> = {}, router: object = {}): SceneOptions => ({
  router,
  sysctl: { ...LIMITED, ...more } as Record<string, number>,
});
/** The same again and again, at these milliseconds. */
const times = (row: Row, ...ms: number[]): Row[] => ms.map((when) => [row[0], row[1], when]);
const every = (step: number, count: number, start = 0): number[] =>
  Array.from({ length: count }, (_, i) => start + i * step);
const sorted = (...rows: Row[][]): Row[] => rows.flat().sort((a, b) => (a[2] ?? 0) - (b[2] ?? 0));
const expired = (src: string): Row => ask({ src, ttl: 1 });
const expired6 = (src: string, dst = SERVER6): Row => ask6({ src, dst, ttl: 1 });

const RATES: KernelScene[] = [
  scene(
    'six errors at once to a host, then one a second',
    '',
    times(expired(LAN), ...every(20, 9), 700, 1500, 1900, 2600, 9500, ...every(20, 8, 9520)),
    limited(),
  ),
  scene(
    'every host has a bucket of its own',
    '',
    sorted(times(expired(LAN), ...every(20, 9)), times(expired('192.168.1.20'), ...every(20, 9, 10))),
    limited(),
  ),
  scene(
    'a bucket never holds more than six',
    '',
    [...times(expired(LAN), 0), ...times(expired(LAN), ...every(20, 9, 30_000))],
    limited(),
  ),
  scene(
    'unreachable ports, rejects and expired packets share the bucket',
    filter('forward', 'udp dport 7 reject'),
    sorted(
      times(ask({ dst: LAN_ROUTER }), 0, 60, 120),
      times(expired(LAN), 20, 80, 140),
      times(ask({}, { dport: 7 }), 40, 100, 160, 180),
    ),
    limited(),
  ),
  scene(
    'icmp_ratelimit of 250 ms',
    '',
    times(expired(LAN), ...every(20, 8), 300, 350, 700),
    limited({ 'net.ipv4.icmp_ratelimit': 250 }),
  ),
  scene(
    'fragmentation needed and echo replies are not limited',
    '',
    sorted(
      times(ask({ dontFragment: true }, {}, 1400), ...every(20, 9)),
      times(echo({ dst: LAN_ROUTER }), ...every(20, 9, 10)),
    ),
    limited({}, { interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1400 }] }),
  ),
  scene(
    'icmp_ratemask: echo replies are limited, expired packets are not',
    '',
    sorted(times(expired(LAN), ...every(20, 9)), times(echo({ dst: LAN_ROUTER }), ...every(20, 9, 10))),
    limited({ 'net.ipv4.icmp_ratemask': 1 }),
  ),
  scene(
    'no route: the packet costs, and so does its error',
    '',
    times(ask({ dst: '10.1.0.1' }), ...every(20, 8), 700, 1500, 2300, 3100, 3900),
    limited({ 'net.ipv4.route.error_cost': 250 }, { routes: [] }),
  ),
  scene(
    'no route and expired packets share the bucket',
    '',
    sorted(times(ask({ dst: '10.1.0.1' }), 0, 40, 80), times(expired(LAN), 20, 60, 100, 120)),
    limited(
      { 'net.ipv4.route.error_cost': 250 },
      { routes: [{ dst: '10.1.0.0/16', type: 'unreachable' }, ...TOPOLOGY.routes] },
    ),
  ),
  scene(
    'a blackhole costs nothing',
    '',
    [...times(ask({ dst: '10.1.0.1' }), ...every(20, 8)), ...times(expired(LAN), ...every(20, 8, 200))],
    limited(
      { 'net.ipv4.route.error_cost': 250 },
      { routes: [{ dst: '10.1.0.0/16', type: 'blackhole' }, ...TOPOLOGY.routes] },
    ),
  ),
  scene(
    'IPv6: a host on a link of 64 bits waits a quarter of the time',
    '',
    times(expired6('fd00:1::10'), ...every(20, 9), 300, 350, 600, 900),
    limited(),
  ),
  scene(
    'IPv6: behind the default route a sixteenth',
    '',
    times(['wan0', expired6('2001:db8:99::5', 'fd00:1::10')[1]], ...every(4, 12), 100, 130, 200),
    limited(),
  ),
  scene(
    'IPv6: behind a route to itself alone the whole',
    '',
    times(['wan0', expired6('2001:db8:99::5', 'fd00:1::10')[1]], ...every(20, 9), 700, 1500),
    limited({}, { routes: [...TOPOLOGY.routes, { dst: '2001:db8:99::5/128', via: '2001:db8:2::fe', dev: 'wan0' }] }),
  ),
  scene('IPv6: no route has no cost of its own', '', times(ask6(), ...every(20, 9)), limited({}, { routes: [] })),
  scene(
    'IPv6: packet too big is not limited',
    '',
    times(ask6({}, {}, 1400), ...every(20, 9)),
    limited({}, { interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1400 }] }),
  ),
  scene('icmp_msgs_burst 0: one message for all in 20 ms', '', times(expired(LAN), ...every(12, 10)), {
    sysctl: { 'net.ipv4.icmp_msgs_burst': 0 },
  }),
  scene('icmp_msgs_per_sec 0: none at all', '', [expired(LAN), expired6('fd00:1::10'), echo({ dst: LAN_ROUTER })], {
    sysctl: { 'net.ipv4.icmp_msgs_per_sec': 0, 'net.ipv4.icmp_msgs_burst': 0 },
  }),
];

const ON = { 'net.ipv4.conf.all.send_redirects': 1 };
const HAIRPIN = {
  interfaces: TOPOLOGY.interfaces.map((row) => ({ ...row, linkLocal: true })),
  routes: [
    ...TOPOLOGY.routes,
    { dst: '10.0.0.0/8', via: '192.168.1.254', dev: 'lan0' },
    { dst: '2001:db8:aa::/48', via: 'fe80::9', dev: 'lan0' },
    { dst: '2001:db8:bb::/48', via: 'fd00:1::9', dev: 'lan0' },
  ],
};
const redirecting = (more: Record<string, number> = {}): SceneOptions => ({
  router: HAIRPIN,
  sysctl: { ...ON, ...more },
});
const around = ask({ dst: '10.1.1.1' });
const around6 = (dst: string, src = 'fd00:1::10'): Row => ask6({ src, dst });

const REDIRECTS: KernelScene[] = [
  scene(
    'redirect: to a gateway on the link, and to a neighbour',
    '',
    [around, ask({ dst: '192.168.1.77' }), ask()],
    redirecting(),
  ),
  scene(
    'redirect: the packet goes on, its TTL was decremented already',
    filter('forward', 'counter'),
    [ask({ dst: '10.1.1.1', tos: 0x14, ttl: 9 }, {}, 700)],
    redirecting(),
  ),
  scene(
    'redirect: none to a source behind a gateway, none for ones own',
    '',
    [
      ask({ src: '10.9.9.9', dst: '10.1.1.1' }),
      ask({ src: LAN_ROUTER, dst: '10.1.1.1' }),
      ask({ src: '172.16.0.1', dst: '10.1.1.1' }),
      ask({ src: '192.168.1.255', dst: '10.1.1.1' }),
    ],
    redirecting(),
  ),
  scene(
    'redirect: each after twice the time of the one before',
    '',
    times(around, 0, 30, 50, 90, 130, 200, 300, 400, 600, 800, 1200, 1500, 2500, 2600, 4500, 6000, 9700),
    redirecting(),
  ),
  scene(
    'redirect: nine, then none until the host was silent for 20 s',
    '',
    times(around, 0, 100, 300, 700, 1400, 2800, 5500, 11_000, 22_000, 43_000, 60_000, 90_000, 90_020, 90_100),
    redirecting(),
  ),
  scene(
    'redirect: every host is told for itself',
    '',
    sorted(times(around, 0, 20, 40), times(ask({ src: '192.168.1.20', dst: '10.1.1.1' }), 10, 30, 60)),
    redirecting(),
  ),
  scene(
    'redirect: afterwards errors to the host wait',
    '',
    [...times(around, 0), ...times(expired(LAN), 20, 40, 700, 1500, 1520)],
    redirecting(LIMITED),
  ),
  scene(
    'redirect: shared_media off wants the source and the gateway in one subnet',
    '',
    [around, ask({ src: '192.168.1.20', dst: '192.168.1.77' })],
    redirecting({ 'net.ipv4.conf.all.shared_media': 0, 'net.ipv4.conf.lan0.shared_media': 0 }),
  ),
  scene('redirect: by interface', '', [around], {
    router: HAIRPIN,
    sysctl: { 'net.ipv4.conf.lan0.send_redirects': 1 },
  }),
  scene(
    'redirect: strict reverse paths',
    '',
    [around, ask({ src: '10.9.9.9', dst: '10.1.1.1' }), ask({ src: '172.16.0.1', dst: '10.1.1.1' })],
    redirecting({ 'net.ipv4.conf.all.rp_filter': 1 }),
  ),
  scene(
    'redirect: not about errors, and not about fragments behind the first',
    '',
    [
      from('lan0', { src: LAN, dst: '10.1.1.1' }, icmp(3, 3, 0, bytes(28))),
      from('lan0', { src: LAN, dst: '10.1.1.1', fragmentOffset: 80 }, udp({ sport: 1, dport: 2 })),
      from('lan0', { src: LAN, dst: '10.1.1.1' }, icmp(8, 0, 1, bytes(28))),
    ],
    redirecting(),
  ),
  scene(
    'redirect of IPv6: to a neighbour, and to a gateway by its link-local address',
    '',
    [around6('fd00:1::77'), around6('2001:db8:aa::1'), around6('2001:db8:bb::1'), around6(SERVER6)],
    redirecting(),
  ),
  scene(
    'redirect of IPv6: quotes up to 1280 octets, by eights',
    '',
    [ask6({ dst: 'fd00:1::77' }, {}, 1400), ask6({ dst: 'fd00:1::78' }, {}, 13)],
    redirecting(),
  ),
  scene(
    'redirect of IPv6: limited by the destination and by the source',
    '',
    sorted(
      times(around6('fd00:1::77'), ...every(20, 9), 1500),
      times(around6('fd00:1::78'), ...every(20, 4, 10)),
      times(around6('fd00:1::77', 'fd00:1::20'), ...every(20, 4, 2000)),
    ),
    redirecting(),
  ),
  scene(
    'redirect of IPv6: none without a link-local address, none to a source behind a gateway',
    '',
    [around6('fd00:1::77'), around6('2001:db8:aa::1', '2001:db8:bb::5')],
    { router: { ...HAIRPIN, interfaces: TOPOLOGY.interfaces } },
  ),
  scene(
    'redirect of IPv6: none to a source behind a gateway',
    '',
    [
      around6('2001:db8:aa::1', '2001:db8:bb::5'),
      around6('fd00:1::77', 'fe80::5'),
      from('lan0', { src: 'fd00:1::10', dst: 'fd00:1::77' }, icmpv6(1, 3, 0, bytes(48))),
    ],
    redirecting(),
  ),
];

export const ICMP_SCENES: KernelScene[] = [RATES, REDIRECTS].flat();
