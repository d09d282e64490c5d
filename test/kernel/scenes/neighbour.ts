// Scenes of neighbours that do not answer, each named by what the kernel does (net/core/neighbour.c, arp.c, ndisc.c).
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { parseAddress, parseMac } from '../../../src/packet/address.ts';
import { arp, fragmentIpv4, icmp, icmpv6, ip, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  answer,
  answer6,
  ask,
  ask6,
  bytes,
  chain,
  filter,
  from,
  LAN,
  LAN_ROUTER,
  LAN_ROUTER6,
  type Row,
  type SceneOptions,
  SERVER,
  scene,
  segment,
  segment6,
  snat,
} from './rows.ts';

const GONE = '192.168.1.99';
const GONE6 = 'fd00:1::99';
const GONE_MAC = '02:aa:00:00:00:99';
const OWN_MAC = '02:00:00:00:00:01';
const GATEWAY = '203.0.113.254';

/** Nobody has these addresses; interfaces have link-local addresses to ask from. */
function silent(
  rows: [dev: string, ip: string][],
  sysctl: Record<string, number> = {},
  more: object = {},
): SceneOptions {
  const gone = new Set(rows.map(([, address]) => address));
  return {
    router: {
      interfaces: TOPOLOGY.interfaces.map((row) => ({ ...row, linkLocal: true })),
      neighbours: [
        ...TOPOLOGY.neighbours.filter((row) => !gone.has(row.ip)),
        ...rows.map(([dev, address]) => ({ dev, ip: address, state: 'failed' })),
      ],
      ...more,
    },
    sysctl,
  };
}

const LAN_GONE = silent([
  ['lan0', GONE],
  ['lan0', GONE6],
]);
/** A router with one more device, on which 10.10.0.98, 10.10.0.99 and fd00:10::99 do not answer. */
function stacked(device: object, dev: string, more: object[]): SceneOptions {
  const rows = dev === 'br0' ? ['10.10.0.98', '10.10.0.99'] : ['10.10.0.99', 'fd00:10::99'];
  return silent(
    rows.map((address) => [dev, address]),
    {},
    { interfaces: [...TOPOLOGY.interfaces.map((row) => ({ ...row, linkLocal: true })), ...more, device] },
  );
}

/** Something that is dropped, after all that time brings. */
const later = (ms: number): Row =>
  from('lan0', { src: LAN, dst: '224.9.9.9', id: 99 }, { protocol: 17, bytes: bytes(8) }, ms);
const to = (dst: string, ms?: number, dport = 53): Row => answer({ dst }, { dport }, 10, ms);
const to6 = (dst: string, ms?: number, dport = 53): Row => answer6({ dst }, { dport }, 10, ms);
const at = (device: string, datagram: Uint8Array, ms: number): Row => [device, datagram, ms];
const GONE_HOST = { mac: GONE_MAC, ip: GONE };
const arpReply = (ms: number, target = LAN_ROUTER): Row =>
  at('lan0', arp(2, GONE_HOST, { mac: OWN_MAC, ip: target }), ms);
const arpRequest = (ms: number, target: string): Row =>
  at('lan0', arp(1, GONE_HOST, { mac: '00:00:00:00:00:00', ip: target }), ms);
/** A neighbour's address, and the option that says where it is. */
const advertised = (type: number, address = GONE6): Uint8Array => {
  const octets = new Uint8Array(24);
  octets.set(parseAddress(address) ?? []);
  octets.set([type, 1, ...(parseMac(GONE_MAC) ?? [])], 16);
  return octets;
};
const advertise = (ms: number, flags: number, dst = LAN_ROUTER6): Row =>
  from('lan0', { src: GONE6, dst, ttl: 255 }, icmpv6(136, 0, (flags << 24) >>> 0, advertised(2)), ms);
const solicit = (ms: number, wanted: string): Row =>
  from('lan0', { src: GONE6, dst: wanted, ttl: 255 }, icmpv6(135, 0, 0, withTarget(wanted)), ms);
const withTarget = (wanted: string): Uint8Array => {
  const octets = advertised(1);
  octets.set(parseAddress(wanted) ?? []);
  return octets;
};

export const NEIGHBOUR_SCENES: KernelScene[] = [
  scene(
    'a packet for nobody: asked for at 0, 1 and 2 s, host unreachable after 3 s',
    '',
    [to(GONE, 0), later(500), later(1500), later(2500), later(3500), later(9000)],
    LAN_GONE,
  ),
  scene(
    'a packet for nobody in IPv6: solicited three times, address unreachable after 3 s',
    '',
    [to6(GONE6, 0), later(500), later(1500), later(2500), later(3500), later(9000)],
    LAN_GONE,
  ),
  scene(
    'every held packet is told to its sender',
    '',
    [
      to(GONE, 0),
      to(GONE, 100, 54),
      answer({ src: '198.51.100.8', dst: GONE }, {}, 10, 1200),
      to6(GONE6, 1300),
      to6(GONE6, 1400, 54),
      later(2600),
      later(3500),
      later(6000),
    ],
    LAN_GONE,
  ),
  scene(
    'a neighbour that failed is asked again for the next packet',
    '',
    [
      to(GONE, 0),
      later(3500),
      to(GONE, 3600),
      later(4000),
      later(7000),
      to6(GONE6, 8000),
      later(11_500),
      to6(GONE6, 11_600),
      later(16_000),
    ],
    LAN_GONE,
  ),
  scene(
    'an ARP reply resolves: held packets leave in order',
    '',
    [to(GONE, 0), to(GONE, 100, 54), to(GONE, 200, 55), arpReply(400), to(GONE, 500), later(5000)],
    LAN_GONE,
  ),
  scene(
    'an ARP reply that nobody asked for is not believed',
    '',
    [arpReply(0), to(GONE, 100), later(1500), later(5000)],
    LAN_GONE,
  ),
  scene(
    'an ARP reply after the failure is believed',
    '',
    [to(GONE, 0), later(3500), arpReply(3600), to(GONE, 3700), later(7000)],
    LAN_GONE,
  ),
  scene(
    'an ARP request for the router tells where the asker is',
    '',
    [arpRequest(0, LAN_ROUTER), to(GONE, 100), later(2000)],
    LAN_GONE,
  ),
  scene(
    'an ARP request for somebody else resolves who is being asked for',
    '',
    [arpRequest(0, LAN), to(GONE, 100), arpRequest(200, LAN), to(GONE, 300), later(2000)],
    LAN_GONE,
  ),
  scene(
    'a solicited advertisement resolves',
    '',
    [to6(GONE6, 0), to6(GONE6, 100, 54), advertise(300, 0x60), to6(GONE6, 400), later(4000)],
    LAN_GONE,
  ),
  scene(
    'an advertisement to all nodes resolves',
    '',
    [to6(GONE6, 0), advertise(300, 0x20, 'ff02::1'), to6(GONE6, 400), later(4000)],
    LAN_GONE,
  ),
  scene(
    'an advertisement that nobody asked for, and one after the failure, are not believed',
    '',
    [advertise(0, 0x60), to6(GONE6, 100), later(3500), advertise(3600, 0x60), to6(GONE6, 3700), later(9000)],
    LAN_GONE,
  ),
  scene(
    'a solicitation for the router tells where the asker is',
    '',
    [solicit(0, LAN_ROUTER6), to6(GONE6, 100), later(2000)],
    LAN_GONE,
  ),
  scene(
    'a gateway that does not answer: everything behind it is unreachable',
    '',
    [ask({}, {}, 10, 0), ask6({}, {}, 10, 100), segment('S'), later(1500), later(3500), later(5000)],
    silent([
      ['wan0', GATEWAY],
      ['wan0', '2001:db8:2::fe'],
    ]),
  ),
  scene(
    'the error about a masqueraded packet quotes it as the sender knows it',
    snat('inet', 'oifname "wan0" masquerade'),
    [ask({}, {}, 10, 0), ask6({}, {}, 10, 100), segment('S'), segment6('S'), later(1500), later(3500), later(6000)],
    silent([
      ['wan0', GATEWAY],
      ['wan0', '2001:db8:2::fe'],
    ]),
  ),
  scene(
    'the error is a packet of the router: it passes the output hook',
    `${filter('output', 'icmp type destination-unreachable counter drop', 'icmpv6 type destination-unreachable counter', 'icmpv6 type nd-neighbor-solicit counter')}${chain('arp', 'filter hook output priority 0', ['arp operation request counter'])}`,
    [to(GONE, 0), to6(GONE6, 100), later(3500), later(6000)],
    LAN_GONE,
  ),
  scene(
    'an ARP request that a rule drops is not sent',
    chain('arp', 'filter hook output priority 0', ['arp operation request counter drop']),
    [to(GONE, 0), later(6000)],
    LAN_GONE,
  ),
  scene(
    'mcast_solicit and retrans_time_ms',
    '',
    [to(GONE, 0), later(300), later(2000), to6(GONE6, 2500), later(2800), later(6000)],
    silent(
      [
        ['lan0', GONE],
        ['lan0', GONE6],
      ],
      {
        'net.ipv4.neigh.lan0.mcast_solicit': 1,
        'net.ipv4.neigh.lan0.retrans_time_ms': 500,
        'net.ipv6.neigh.lan0.mcast_solicit': 2,
        'net.ipv6.neigh.lan0.retrans_time_ms': 1500,
      },
    ),
  ),
  scene(
    'without mcast_solicit the packet is dropped and nobody told',
    '',
    [to(GONE, 0), later(6000)],
    silent([['lan0', GONE]], { 'net.ipv4.neigh.lan0.mcast_solicit': 0 }),
  ),
  scene(
    'unres_qlen_bytes: the oldest held packet makes room',
    '',
    [to(GONE, 0, 51), to(GONE, 20, 52), to(GONE, 40, 53), to(GONE, 60, 54), later(6000)],
    silent([['lan0', GONE]], { 'net.ipv4.neigh.lan0.unres_qlen_bytes': 2400 }),
  ),
  scene(
    'fragments are held one by one; only the first is told about',
    '',
    [
      ...fragmentIpv4(ip({ src: SERVER, dst: GONE, id: 9 }, udp({ sport: 53, dport: 53 }, bytes(2000))), 1500).map(
        (part, i): Row => at('wan0', part, i * 20),
      ),
      later(6000),
    ],
    LAN_GONE,
  ),
  scene(
    'a broadcast needs no neighbour, one that was asked for does not stop others',
    '',
    [to(GONE, 0), to(LAN, 50), to('192.168.1.77', 100), later(6000)],
    LAN_GONE,
  ),
  scene(
    'the router asks for its own packets too',
    '',
    [
      from('lan0', { src: GONE, dst: LAN_ROUTER }, icmp(8, 0, 0x00070001, bytes(8)), 0),
      from('lan0', { src: GONE6, dst: LAN_ROUTER6 }, icmpv6(128, 0, 0x00070001, bytes(8)), 100),
      arpReply(300),
      later(6000),
    ],
    LAN_GONE,
  ),
  scene(
    'an offloaded flow waits as others do',
    `table inet t {
	flowtable ft {
		hook ingress priority 0
		devices = { lan0, wan0 }
	}
	chain f {
		type filter hook forward priority 0; policy accept;
		meta l4proto udp flow add @ft
	}
}`,
    [
      from('wan0', { src: SERVER, dst: GONE }, udp({ sport: 53, dport: 5000 }, bytes(4)), 0),
      from('lan0', { src: GONE, dst: SERVER }, udp({ sport: 5000, dport: 53 }, bytes(4)), 20),
      from('wan0', { src: SERVER, dst: GONE }, udp({ sport: 53, dport: 5000 }, bytes(5)), 40),
      from('wan0', { src: SERVER, dst: GONE }, udp({ sport: 53, dport: 5000 }, bytes(6)), 60),
      arpReply(500),
      from('wan0', { src: SERVER, dst: GONE }, udp({ sport: 53, dport: 5000 }, bytes(7)), 600),
      later(6000),
    ],
    LAN_GONE,
  ),
  scene(
    'behind a VLAN device the request is tagged',
    '',
    [
      from('wan0', { src: SERVER, dst: '10.10.0.99' }, udp({ sport: 1, dport: 2 }, bytes(4)), 0),
      from('wan0', { src: '2001:db8:99::7', dst: 'fd00:10::99' }, udp({ sport: 1, dport: 2 }, bytes(4)), 50),
      later(3500),
      later(6000),
    ],
    stacked(
      {
        name: 'lan0.10',
        type: 'vlan',
        link: 'lan0',
        id: 10,
        addresses: ['10.10.0.1/24', 'fd00:10::1/64'],
        linkLocal: true,
      },
      'lan0.10',
      [],
    ),
  ),
  scene(
    'behind a bridge everybody is asked, and the answer is learned',
    '',
    [
      from('wan0', { src: SERVER, dst: '10.10.0.99' }, udp({ sport: 1, dport: 2 }, bytes(4)), 0),
      from('wan0', { src: SERVER, dst: '10.10.0.98' }, udp({ sport: 1, dport: 2 }, bytes(4)), 40),
      from('wan0', { src: SERVER, dst: '10.10.0.98' }, udp({ sport: 1, dport: 2 }, bytes(5)), 80),
      at('lan2', arp(2, { mac: GONE_MAC, ip: '10.10.0.98' }, { mac: '02:00:00:00:00:09', ip: '10.10.0.1' }), 1200),
      from('wan0', { src: SERVER, dst: '10.10.0.98' }, udp({ sport: 1, dport: 2 }, bytes(6)), 1300),
      from('wan0', { src: SERVER, dst: '203.0.113.77' }, { protocol: 17, bytes: bytes(8) }, 6000),
    ],
    stacked(
      { name: 'br0', type: 'bridge', mac: '02:00:00:00:00:09', ports: ['lan1', 'lan2'], addresses: ['10.10.0.1/24'] },
      'br0',
      [
        { name: 'lan1', mac: '02:00:00:00:00:05' },
        { name: 'lan2', mac: '02:00:00:00:00:06' },
      ],
    ),
  ),
  scene(
    'errors and resets wait like everything else',
    filter('forward', 'tcp dport 80 reject with tcp reset', 'udp dport 7 reject'),
    [
      from('lan0', { src: GONE, dst: SERVER }, tcp({ sport: 5, dport: 80, flags: 'S' }), 0),
      from('lan0', { src: GONE, dst: SERVER }, udp({ sport: 5, dport: 7 }, bytes(4)), 20),
      from('lan0', { src: GONE, dst: SERVER, ttl: 1 }, udp({ sport: 5, dport: 9 }, bytes(4)), 40),
      arpReply(100),
      later(5000),
    ],
    LAN_GONE,
  ),
  scene(
    'two neighbours are asked for independently',
    '',
    [
      to(GONE, 0),
      answer({ dst: '192.168.1.98' }, {}, 10, 500),
      arpReply(1200),
      later(1600),
      later(2600),
      later(3700),
      later(6000),
    ],
    silent([
      ['lan0', GONE],
      ['lan0', '192.168.1.98'],
    ]),
  ),
  scene(
    'two addresses of the router: the packet decides who asks',
    '',
    [
      from('lan0', { src: GONE, dst: '192.168.1.2' }, icmp(8, 0, 1, bytes(8)), 0),
      later(3500),
      from('lan0', { src: GONE, dst: '203.0.113.1' }, icmp(8, 0, 1, bytes(8)), 3600),
      later(7000),
      to(GONE, 7100),
      later(11_000),
    ],
    silent(
      [['lan0', GONE]],
      {},
      {
        interfaces: [
          { ...TOPOLOGY.interfaces[0], addresses: ['192.168.1.1/24', '192.168.1.2/24'] },
          TOPOLOGY.interfaces[1],
        ],
      },
    ),
  ),
];
