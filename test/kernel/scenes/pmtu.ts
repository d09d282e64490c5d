// Scenes of path MTUs that a router learns from ICMP errors about its own echo replies, each named by what the kernel does
// (__ip_rt_update_pmtu of net/ipv4/route.c, __ip6_rt_update_pmtu of net/ipv6/route.c).
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { fragmentIpv6, icmp, icmpv6 } from '../../../src/packet/build.ts';
import {
  ask,
  ask6,
  at,
  bytes,
  echo,
  echo6,
  from,
  LAN6,
  ROUTER,
  ROUTER6,
  type Row,
  SERVER,
  SERVER6,
  scene,
  segment,
} from './rows.ts';

const HOP = '198.51.100.1';
const HOP6 = '2001:db8:99::1';
const ping = (length = 1200, ms?: number): Row =>
  timed(at('wan0', echo({ src: SERVER, dst: ROUTER }, 7, 1, length)), ms);
const ping6 = (length = 1400, ms?: number): Row =>
  timed(at('wan0', echo6({ src: SERVER6, dst: ROUTER6 }, 7, 1, length)), ms);
const timed = (row: Row, ms?: number): Row => (ms === undefined ? row : [row[0], row[1], ms]);
/** What the router answered, as a hop quotes it. */
const reply = (length = 1200, src = ROUTER, dst = SERVER): Uint8Array =>
  from('', { src, dst }, icmp(0, 0, 0x00070001, bytes(length)))[1].slice(0, 548);
const reply6 = (length = 1400, src = ROUTER6, dst = SERVER6): Uint8Array =>
  from('', { src, dst }, icmpv6(129, 0, 0x00070001, bytes(length)))[1].slice(0, 1232);
const needed = (mtu: number, about = reply(), ms?: number): Row =>
  timed(from('wan0', { src: HOP, dst: ROUTER }, icmp(3, 4, mtu, about)), ms);
const tooBig = (mtu: number, about = reply6(), ms?: number): Row =>
  timed(from('wan0', { src: HOP6, dst: ROUTER6 }, icmpv6(2, 0, mtu, about)), ms);
const through = (ms?: number): Row => timed(ask({ dontFragment: true }, {}, 1300), ms);
const through6 = (ms?: number): Row => timed(ask6({}, {}, 1352), ms);

export const PMTU_SCENES: KernelScene[] = [
  scene('fragmentation needed about an echo reply: the next replies are cut, forwarded packets are not', '', [
    ping(),
    needed(1000),
    ping(),
    ping(900),
    through(),
    at('wan0', ask({ src: SERVER, dst: ROUTER }, {}, 1200)),
  ]),
  scene('a path MTU below min_pmtu is 552, and holds for forwarded packets too', '', [
    ping(),
    needed(300),
    ping(),
    through(),
    ask({}, {}, 1300),
    needed(1000),
    ping(),
  ]),
  scene('a path MTU only shrinks', '', [
    ping(),
    needed(1000),
    needed(1200),
    ping(),
    needed(800),
    ping(),
    needed(1600),
    ping(),
  ]),
  scene(
    'a path MTU is forgotten after mtu_expires',
    '',
    [ping(1200, 0), needed(1000, reply(), 20), ping(1200, 9000), ping(1200, 12_000)],
    { sysctl: { 'net.ipv4.route.mtu_expires': 10 } },
  ),
  scene(
    'ip_forward_use_pmtu: forwarded packets are held to it',
    '',
    [ping(), needed(1000), through(), ask({}, {}, 1300)],
    { sysctl: { 'net.ipv4.ip_forward_use_pmtu': 1 } },
  ),
  scene('ip_no_pmtu_disc 1: the MTU is not believed, 552 is taken', '', [ping(), needed(1000), ping()], {
    sysctl: { 'net.ipv4.ip_no_pmtu_disc': 1 },
  }),
  scene('ip_no_pmtu_disc 3 learns nothing from ICMP', '', [ping(), needed(1000), ping()], {
    sysctl: { 'net.ipv4.ip_no_pmtu_disc': 3 },
  }),
  scene('errors about TCP, echo requests and packets of others teach nothing', '', [
    needed(1000, from('', { src: ROUTER, dst: SERVER }, icmp(8, 0, 0x00070001, bytes(500)))[1]),
    ping(),
    needed(1000, segment('S', { src: ROUTER })[1]),
    ping(),
    needed(1000, reply(1200, '192.0.2.1')),
    ping(),
    needed(1000, reply().slice(0, 24)),
    ping(),
    needed(1000, reply(1200, ROUTER, '198.51.100.8')),
    ping(),
  ]),
  scene('packet too big: the next replies are cut, and packets through the router are told', '', [
    ping6(),
    tooBig(1300),
    ping6(),
    ping6(1000),
    through6(),
    ask6({ dst: '2001:db8:99::8' }, {}, 1352),
  ]),
  scene('packet too big below 1280 is not believed, and none that is no smaller', '', [
    ping6(),
    tooBig(1000),
    ping6(),
    tooBig(1500),
    ping6(),
    tooBig(1400),
    tooBig(1450),
    ping6(),
  ]),
  scene('packet too big is believed about any ICMPv6 packet, whoever sent it', '', [
    tooBig(1300, from('', { src: LAN6, dst: SERVER6 }, icmpv6(1, 4, 0, bytes(48)))[1]),
    ping6(),
    tooBig(1290, ask6({ src: ROUTER6 })[1]),
    ping6(),
  ]),
  scene(
    'a path MTU of IPv6 is forgotten',
    '',
    [ping6(1400, 0), tooBig(1300, reply6(), 20), ping6(1400, 9000), ping6(1400, 13_000)],
    { sysctl: { 'net.ipv6.route.mtu_expires': 10 } },
  ),
  scene('an error about UDP teaches though nobody listens', '', [
    ping(),
    needed(1000, ask({ src: ROUTER })[1]),
    ping(),
    ping6(),
    tooBig(1300, ask6({ src: ROUTER6 })[1]),
    ping6(),
  ]),
  scene('an error about a fragmented reply teaches again', '', [
    ping6(),
    tooBig(1400),
    ping6(),
    tooBig(1300, fragmentIpv6(reply6(1400), 1400, 9)[0] ?? new Uint8Array(0)),
    ping6(),
    tooBig(1290, fragmentIpv6(reply6(1400), 1300, 9)[1] ?? new Uint8Array(0)),
    ping6(),
  ]),
];
