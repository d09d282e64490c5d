// Scenes of the bridge family: its hooks, tags, VLAN filtering, connections.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, fragmentIpv4, ip, tcp, udp } from '../../../src/packet/build.ts';
import {
  A,
  a2b,
  arp,
  arpFrame,
  ask,
  at,
  B,
  BRIDGE,
  b2a,
  bridge,
  C,
  down,
  EVERYBODY,
  HELLO,
  type More,
  NOBODY,
  payload,
  ping,
  ROUTER,
  raw,
  scene,
  syn,
  up,
  WAN,
} from './family-frames.ts';
import { padded, SERVER, type Sent, talk } from './interface.ts';

const BRIDGES: KernelScene[] = [
  scene(
    'frames between ports pass prerouting, forward and postrouting; frames up prerouting and input',
    bridge('prerouting; counter', 'input; counter', 'forward; counter', 'output; counter', 'postrouting; counter'),
    [
      ...HELLO,
      a2b(ask()),
      b2a(ask()),
      up(ask()),
      down(ask()),
      at('lan0', A, BRIDGE)('10.20.0.5', '10.20.0.1', ping),
      at('lan2', C, '02:aa:00:00:00:09')('10.20.0.7', '10.20.0.9', ask()),
    ],
  ),
  scene(
    'interfaces in each hook: ports, and the bridge by its name',
    bridge(
      'prerouting; iifname "lan0" counter; iif "lan1" counter; oifname "lan1" counter; meta ibrname "br0" counter; meta obrname "br0" counter; meta ibrname != "br0" counter; meta obrname != "br0" counter; iiftype ether counter',
      'input; iifname "lan0" counter; iifname "br0" counter; oifname "br0" counter; meta ibrname "br0" counter; meta obrname != "br9" counter',
      'forward; iifname "lan0" oifname "lan1" counter; meta ibrname "br0" meta obrname "br0" counter; oiftype ether counter; counter',
      'output; iifname "lan0" counter; iifname != "br9" counter; oifname "lan0" counter; meta obrname "br0" counter; meta ibrname != "br9" counter; meta ibrname != "br0" counter',
      'postrouting; iifname "lan0" counter; oifname "lan1" counter; meta obrname "br0" counter; meta ibrname "br0" counter',
    ),
    [...HELLO, a2b(ask()), b2a(ask()), up(ask()), down(ask())],
  ),
  scene(
    'verdicts: drop in each hook',
    bridge(
      'prerouting; udp dport 1000 counter drop',
      'input; udp dport 1001 counter drop',
      'forward; udp dport 1002 counter drop',
      'output; udp dport 1003 counter drop',
      'postrouting; udp dport 1004 counter drop; oifname "lan2" udp dport 9 drop',
    ),
    [...HELLO, ...[1000, 1001, 1002, 1003, 1004].flatMap((port) => [a2b(ask(port)), up(ask(port)), down(ask(port))])],
  ),
  scene(
    'a policy of drop, and what is let through',
    bridge(
      'forward 0 drop; ether type arp accept; ether saddr 02:aa:00:00:00:01 ether daddr 02:aa:00:00:00:02 counter accept; ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 counter accept',
    ),
    [...HELLO, a2b(ask()), b2a(ask()), arpFrame('lan1', EVERYBODY, arp(1, [B, '10.20.0.6'], [NOBODY, '10.20.0.5']))],
  ),
  scene(
    'several chains of a hook by priority, marks go along',
    bridge(
      'prerouting 10; meta mark 1 counter meta mark set 2; meta mark 7 counter',
      'prerouting -10; meta mark 0 counter meta mark set 1',
      'forward; meta mark 2 counter',
      'input; meta mark 2 counter',
    ),
    [...HELLO, a2b(ask()), up(ask())],
  ),
  scene(
    'the mark of a bridge chain reaches the chains of inet',
    `${bridge('prerouting; iifname "lan0" meta mark set 5')}table inet t {\n\tchain p { type filter hook prerouting priority 0; policy accept;\n\t\tmeta mark 5 counter\n\t\tiifname "br0" counter\n\t\tiifname "lan0" counter\n\t}\n}\n`,
    [...HELLO, up(ask()), at('lan1', B, BRIDGE)('10.20.0.6', SERVER, ask())],
  ),
  scene(
    'redirected to the router: a new address and pkttype host',
    bridge(
      'prerouting; ether daddr 02:aa:00:00:00:02 udp dport 53 counter ether daddr set 02:00:00:00:00:0b meta pkttype set host',
    ),
    [
      ...HELLO,
      at('lan0', A, B)('10.20.0.5', SERVER, ask(53)),
      at('lan0', A, B)('10.20.0.5', SERVER, ask(54)),
      at('lan0', A, C)('10.20.0.5', SERVER, ask(53)),
    ],
  ),
  scene(
    'pkttype as the port saw it',
    bridge(
      'prerouting; meta pkttype host counter; meta pkttype other counter; meta pkttype broadcast counter; meta pkttype multicast counter',
      'input; meta pkttype host counter; meta pkttype other counter; meta pkttype broadcast counter',
    ),
    [
      ...HELLO,
      a2b(ask()),
      up(ask()),
      at('lan1', B, '02:00:00:00:00:03')('10.20.0.6', SERVER, ask()),
      at('lan0', A, '02:00:00:00:00:03')('10.20.0.5', SERVER, ask()),
      at('lan0', A, '01:00:5e:00:00:05')('10.20.0.5', '224.0.0.5', ask()),
    ],
  ),
  scene(
    'Ethernet fields are read and written',
    bridge(
      'forward; ether saddr 02:aa:00:00:00:01 counter; ether type ip counter; ether type 0x0800 udp dport 1000 ether saddr set 02:bb:00:00:00:01 counter; udp dport 1001 ether daddr set 02:bb:00:00:00:02; ip ttl set 9; ip saddr 10.20.0.5 counter',
    ),
    [...HELLO, a2b(ask(1000)), a2b(ask(1001)), b2a(ask(1000))],
  ),
  scene(
    'tags are written on a bridge',
    bridge(
      'prerouting; vlan id 11 vlan id set 10 counter; vlan id 10 counter',
      'forward; vlan id 10 counter; vlan pcp 4 counter',
    ),
    [...HELLO, a2b(ask(), {}, { tag: 10 }), a2b(ask(), {}, { tag: 11, priority: 4 }), a2b(ask(), {}, { tag: 12 })],
  ),
  scene(
    'tags on a bridge: vlan fields, the protocol behind them, vlan-protocol',
    bridge(
      'forward; ether type vlan counter; vlan id 10 counter; vlan pcp 5 counter; vlan type ip counter; vlan id 10 ip daddr 10.20.0.6 counter; vlan id 10 udp dport 53 counter; meta protocol ip counter; meta protocol vlan counter; ip daddr 10.20.0.6 counter; meta length 48 counter',
    ),
    [
      ...HELLO,
      a2b(ask()),
      a2b(ask(), {}, { tag: 10 }),
      a2b(ask(), {}, { tag: 10, priority: 5 }),
      a2b(ask(), {}, { tag: 11 }),
      a2b(ask(), {}, { tag: 0, priority: 5 }),
      [
        'lan0',
        ether(
          { src: A, dst: B, vlans: [{ id: 10, protocol: 0x88a8 }, { id: 5 }] },
          ip({ src: '10.20.0.5', dst: '10.20.0.6', id: 7 }, ask()),
        ),
      ],
    ],
  ),
  scene(
    'meta ibrpvid and ibrvproto break on a bridge that does not filter VLANs',
    bridge(
      'prerouting; meta ibrpvid 1 counter; meta ibrpvid != 1 counter; meta ibrvproto vlan counter; meta ibrvproto != vlan counter; counter',
    ),
    [...HELLO, a2b(ask())],
  ),
  scene(
    'sets, maps and verdict maps in the bridge family',
    `table bridge b {
	set seen { type ether_addr . inet_service; flags dynamic; size 100; }
	map ports { type ether_addr : verdict; elements = { 02:aa:00:00:00:01 : accept, 02:aa:00:00:00:02 : drop } }
	chain f { type filter hook forward priority 0; policy accept;
		update @seen { ether saddr . udp dport }
		ether saddr vmap @ports
		counter
	}
}
`,
    [...HELLO, a2b(ask()), b2a(ask()), at('lan2', C, A)('10.20.0.7', '10.20.0.5', ask())],
  ),
  scene(
    'limits and quotas in the bridge family',
    bridge('forward; limit rate 1/second burst 2 packets counter accept; quota over 100 bytes counter drop; counter'),
    [...HELLO, ...Array.from({ length: 8 }, () => a2b(ask()))],
  ),
  scene(
    'reject in bridge chains answers from the other end',
    bridge(
      'prerouting; udp dport 1000 reject; tcp dport 22 reject with tcp reset',
      'input; udp dport 1001 reject with icmpx admin-prohibited',
    ),
    [...HELLO, a2b(ask(1000)), a2b(syn(22)), a2b(syn(23)), up(ask(1001)), a2b(ask(1000), {}, { tag: 10 })],
  ),
  scene(
    'ARP between ports: matches of the bridge family',
    bridge(
      'forward; arp operation request counter; arp saddr ip 10.20.0.5 counter; arp daddr ip 10.20.0.9 drop; ether type arp counter',
    ),
    [
      ...HELLO,
      arpFrame('lan0', EVERYBODY, arp(1, [A, '10.20.0.5'], [NOBODY, '10.20.0.6'])),
      arpFrame('lan0', EVERYBODY, arp(1, [A, '10.20.0.5'], [NOBODY, '10.20.0.9'])),
      arpFrame('lan1', A, arp(2, [B, '10.20.0.6'], [A, '10.20.0.5'])),
    ],
  ),
  scene(
    'frames that are no IP are bridged',
    bridge('forward; counter; ether type 0x88b5 counter; ether type 0x0026 counter'),
    [
      ...HELLO,
      raw('lan0', `${B}${A}88b5 0102030405`),
      // 802.3 with a length instead of a type.
      raw('lan0', `${B}${A}0026 424203 0000`),
      raw('lan1', `${EVERYBODY}${B}88b5 00`),
    ],
  ),
  scene(
    'what is too long for the port is dropped, a tag is for free',
    bridge('forward; counter', 'postrouting; counter'),
    [
      ...HELLO,
      a2b(ask(53, 1472)),
      a2b(ask(53, 1373)),
      a2b(ask(53, 1372)),
      a2b(ask(53, 1372), {}, { tag: 10 }),
      a2b(ask(53, 1377)),
    ],
    ROUTER.replace('name: lan1, mac', 'name: lan1, mtu: 1400, mac'),
  ),
];

const CONNTRACK = bridge(
  'prerouting; ct state new counter; ct state established counter; ct state untracked counter; ct state invalid counter',
  'forward; ct state new counter; ct state established counter; ct state related counter; ct state invalid counter drop; ct mark 4 counter; udp dport 7 ct mark set 4',
  'input; ct state new counter; ct state established counter',
  'output; ct state established counter',
  'postrouting; ct state new counter',
);

/** lan0 untagged in VLAN 10, lan1 tagged in 10 and untagged in 20, lan2 tagged in both; the bridge untagged in 10, tagged in 20. */
const FILTERING = ROUTER.replace(
  'ports: [lan0, lan1, lan2],',
  'ports: [lan0, lan1, lan2], vlans: [{ port: lan0, id: 10, pvid: true, untagged: true }, { port: lan1, id: 10 }, { port: lan1, id: 20, pvid: true, untagged: true }, { port: lan2, id: 10 }, { port: lan2, id: 20 }, { port: br0, id: 10, pvid: true, untagged: true }, { port: br0, id: 20 }],',
).replace(
  'routes:',
  '  - { name: br0.20, type: vlan, link: br0, id: 20, mac: "02:00:00:00:00:0b", addresses: [10.30.0.1/24] }\nroutes:',
);
const in20 = (layer4: Parameters<typeof ip>[1], more: More = {}) =>
  at('lan2', C, BRIDGE, { tag: 20, ...more })('10.30.0.5', SERVER, layer4);

const VLAN_FILTERS: KernelScene[] = [
  scene(
    'tags go on and off by port, frames stay in their VLAN',
    bridge(
      'prerouting; vlan id 10 counter; vlan id 20 counter; counter',
      'forward; vlan id 10 counter; vlan id 20 counter; counter',
    ),
    [
      at('lan0', A, EVERYBODY)('10.20.0.5', '10.20.0.255', ask(9)),
      at('lan1', B, EVERYBODY, { tag: 10 })('10.20.0.6', '10.20.0.255', ask(9)),
      at('lan1', B, EVERYBODY)('10.30.0.6', '10.30.0.255', ask(9)),
      at('lan2', C, EVERYBODY, { tag: 20 })('10.30.0.7', '10.30.0.255', ask(9)),
      a2b(ask()),
      b2a(ask(), {}, { tag: 10 }),
      // Known in another VLAN only.
      b2a(ask()),
      at('lan2', C, B, { tag: 20 })('10.30.0.7', '10.30.0.6', ask()),
      at('lan2', C, B, { tag: 10 })('10.20.0.7', '10.20.0.6', ask()),
    ],
    FILTERING,
  ),
  scene(
    'what is not of the port is dropped, a priority tag belongs to the port',
    bridge('forward; counter'),
    [
      at('lan0', A, EVERYBODY, { tag: 20 })('10.20.0.5', '10.20.0.255', ask(9)),
      at('lan0', A, EVERYBODY, { tag: 10 })('10.20.0.5', '10.20.0.255', ask(9)),
      at('lan0', A, EVERYBODY, { tag: 0, priority: 5 })('10.20.0.5', '10.20.0.255', ask(9)),
      at('lan2', C, EVERYBODY)('10.20.0.7', '10.20.0.255', ask(9)),
      at('lan2', C, EVERYBODY, { tag: 30 })('10.20.0.7', '10.20.0.255', ask(9)),
      [
        'lan0',
        ether(
          { src: A, dst: EVERYBODY, vlans: [{ id: 10, protocol: 0x88a8 }] },
          ip({ src: '10.20.0.5', dst: '10.20.0.255' }, ask(9)),
        ),
      ],
      [
        'lan2',
        ether(
          { src: C, dst: EVERYBODY, vlans: [{ id: 20 }, { id: 7 }] },
          ip({ src: '10.20.0.5', dst: '10.20.0.255' }, ask(9)),
        ),
      ],
    ],
    FILTERING,
  ),
  scene(
    'the bridge device is a member of its VLANs, a VLAN device on it of one',
    `${bridge('input; vlan id 20 counter; counter', 'output; vlan id 20 counter; vlan id 10 counter; counter')}table inet t {\n\tchain p { type filter hook prerouting priority 0; policy accept;\n\t\tiifname "br0" counter\n\t\tiifname "br0.20" counter\n\t}\n}\n`,
    [
      at('lan0', A, BRIDGE)('10.20.0.5', '10.20.0.1', ping),
      at('lan1', B, BRIDGE, { tag: 10 })('10.20.0.6', '10.20.0.1', ping),
      in20(ask()),
      at('lan1', '02:aa:00:00:00:07', BRIDGE)('10.30.0.6', '10.30.0.1', ping),
      at('lan1', B, BRIDGE, { tag: 10 })('10.20.0.6', SERVER, ask()),
      at('wan0', C, WAN)(SERVER, '10.20.0.6', ask()),
      at('wan0', C, WAN)(SERVER, '10.20.0.5', ask()),
      at('wan0', C, WAN)(SERVER, '10.30.0.5', ask()),
    ],
    FILTERING,
  ),
  scene(
    'meta ibrpvid and ibrvproto',
    bridge(
      'prerouting; meta ibrpvid 10 counter; meta ibrpvid 20 counter; meta ibrpvid 0 counter; meta ibrvproto vlan counter; meta ibrvproto 8021ad counter',
    ),
    [
      a2b(ask()),
      at('lan1', B, A)('10.20.0.6', '10.20.0.5', ask()),
      at('lan2', C, A, { tag: 10 })('10.20.0.7', '10.20.0.5', ask()),
    ],
    FILTERING,
  ),
  scene(
    'a connection of the bridge goes through tags on and off',
    CONNTRACK,
    [
      at('lan0', A, EVERYBODY)('10.20.0.5', '10.20.0.255', ask(9)),
      at('lan1', B, EVERYBODY, { tag: 10 })('10.20.0.6', '10.20.0.255', ask(9)),
      a2b(ask()),
      b2a(udp({ sport: 53, dport: 5000 }, payload(9)), {}, { tag: 10 }),
      a2b(ask()),
    ],
    FILTERING,
  ),
];

const BRIDGE_CONNECTIONS: KernelScene[] = [
  scene('a bridge tracks connections between its ports', CONNTRACK, [
    ...HELLO,
    a2b(ask()),
    b2a(udp({ sport: 53, dport: 5000 }, payload(9))),
    a2b(ask()),
    a2b(ask(7)),
    a2b(ask(7)),
    ...talk(
      (_, __, layer4) => a2b(layer4),
      (_, __, layer4) => b2a(layer4),
      '10.20.0.5',
      '10.20.0.5',
      '10.20.0.6',
    ),
    a2b(tcp({ sport: 1, dport: 2, flags: 'SF', seq: 1 })),
  ]),
  scene('ARP and other frames are untracked', CONNTRACK, [
    ...HELLO,
    arpFrame('lan0', EVERYBODY, arp(1, [A, '10.20.0.5'], [NOBODY, '10.20.0.6'])),
    raw('lan0', `${B}${A}88b5 0102030405`),
  ]),
  scene(
    'a connection of the bridge goes on in the router',
    `${CONNTRACK}table inet n {\n\tchain post { type nat hook postrouting priority 100; oifname "wan0" masquerade; }\n\tchain f { type filter hook forward priority 0; policy accept;\n\t\tct state new counter\n\t\tct state established counter\n\t}\n}\n`,
    [
      ...HELLO,
      up(ask()),
      at('wan0', C, WAN)(SERVER, '203.0.113.1', udp({ sport: 53, dport: 5000 }, payload(9))),
      up(ask()),
      at('lan0', A, BRIDGE)('10.20.0.5', '10.20.0.1', ping),
    ],
  ),
  scene('tagged frames are tracked by what is in them', CONNTRACK, [
    ...HELLO,
    a2b(ask(), {}, { tag: 10 }),
    b2a(udp({ sport: 53, dport: 5000 }, payload(9)), {}, { tag: 10 }),
    a2b(ask()),
  ]),
  scene('padding is cut off before connections are looked up', CONNTRACK, [
    ...HELLO,
    ['lan0', padded(a2b(ask(53, 1))[1])],
  ]),
  scene('fragments are gathered and sent as they came', CONNTRACK, [
    ...HELLO,
    ...fragmentIpv4(ip({ src: '10.20.0.5', dst: '10.20.0.6', id: 9 }, ask(53, 2000)), 1420).map(
      (part): Sent => ['lan0', ether({ src: A, dst: B }, part)],
    ),
    ...fragmentIpv4(ip({ src: '10.20.0.5', dst: '10.20.0.6', id: 10 }, ask(53, 900)), 400).map(
      (part): Sent => ['lan0', ether({ src: A, dst: B }, part)],
    ),
  ]),
];

export const BRIDGE_SCENES: KernelScene[] = [
  ...BRIDGES.map((one) => ({ ...one, name: `bridge: ${one.name}` })),
  ...VLAN_FILTERS.map((one) => ({ ...one, name: `bridge VLANs: ${one.name}` })),
  ...BRIDGE_CONNECTIONS.map((one) => ({ ...one, name: `bridge conntrack: ${one.name}` })),
];
