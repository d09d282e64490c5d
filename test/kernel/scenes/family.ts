// Scenes of the arp and netdev families, of the ingress hook of inet, and those of the bridge family.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { BRIDGE_SCENES } from './bridge.ts';
import {
  A,
  a2b,
  arp,
  arpFrame,
  ask,
  at,
  B,
  bridge,
  C,
  EVERYBODY,
  HELLO,
  NOBODY,
  PLAIN,
  ping,
  raw,
  scene,
  syn,
  up,
  WAN,
} from './family-frames.ts';
import { SERVER, type Sent, way } from './interface.ts';

const ARP_RULES = `table arp a {
	chain input { type filter hook input priority 0; policy accept;
		counter
		arp operation request counter
		arp operation reply counter
		arp htype 1 counter
		arp ptype 0x0800 counter
		arp plen 4 counter
		arp hlen 6 counter
		arp saddr ip 192.168.1.66 counter drop
		arp saddr ether 02:aa:00:00:00:07 counter drop
		arp daddr ip 192.168.1.1 counter
		iifname "lan0" counter
		ether saddr 02:aa:00:00:00:01 counter
		meta pkttype broadcast counter
		meta protocol arp counter
	}
	chain output { type filter hook output priority 0; policy accept;
		counter
		arp operation reply arp daddr ip 192.168.1.67 counter drop
		oifname "lan0" counter
		arp saddr ether 02:00:00:00:00:01 counter
	}
}
`;
const lanAsks = (ip_: string, mac = A, wanted = '192.168.1.1', dst = EVERYBODY): Sent =>
  arpFrame('lan0', dst, arp(1, [mac, ip_], [NOBODY, wanted]));

const ARP: KernelScene[] = [
  scene(
    'arp input and output: requests, answers, what is dropped',
    ARP_RULES,
    [
      lanAsks('192.168.1.5'),
      lanAsks('192.168.1.66'),
      lanAsks('192.168.1.67'),
      lanAsks('192.168.1.5', '02:aa:00:00:00:07'),
      lanAsks('192.168.1.5', A, '192.168.1.77'),
      lanAsks('192.168.1.5', A, '192.168.2.1'),
      lanAsks('192.168.1.5', A, '192.168.1.1', '02:00:00:00:00:01'),
      arpFrame('lan0', '02:00:00:00:00:01', arp(2, [A, '192.168.1.5'], ['02:00:00:00:00:01', '192.168.1.1'])),
      // Gratuitous, a probe, and from another net.
      lanAsks('192.168.1.5', A, '192.168.1.5'),
      lanAsks('0.0.0.0'),
      lanAsks('172.16.0.5'),
    ],
    PLAIN,
  ),
  scene(
    'malformed ARP never reaches the chain',
    ARP_RULES,
    [
      raw('lan0', `${EVERYBODY}${A}0806 0001 0800 06 04 0001 ${A} c0a80105`).map((x) =>
        typeof x === 'string' ? x : x.slice(0, 36),
      ) as Sent,
      arpFrame('lan0', EVERYBODY, changedArp(4, 8)),
      arpFrame('lan0', EVERYBODY, changedArp(3, 0xdd)),
      arpFrame('lan0', EVERYBODY, changedArp(1, 6)),
      arpFrame('lan0', EVERYBODY, changedArp(7, 3)),
    ],
    PLAIN,
  ),
  scene(
    'a policy of drop in arp input leaves requests unanswered',
    'table arp a {\n\tchain input { type filter hook input priority 0; policy drop;\n\t\tarp saddr ip 192.168.1.5 accept\n\t}\n}\n',
    [lanAsks('192.168.1.5'), lanAsks('192.168.1.6')],
    PLAIN,
  ),
  scene(
    'rules may write ARP fields',
    'table arp a {\n\tchain output { type filter hook output priority 0; policy accept;\n\t\tarp saddr ether set 02:cc:00:00:00:01 counter\n\t\tarp daddr ip 192.168.1.6 arp saddr ip set 192.168.1.99\n\t}\n}\n',
    [lanAsks('192.168.1.5'), lanAsks('192.168.1.6')],
    PLAIN,
  ),
  scene(
    'ARP over a VLAN device and over a bridge',
    `${ARP_RULES}table netdev d {\n\tchain i { type filter hook ingress device lan0 priority 0; policy accept;\n\t\tether type arp counter\n\t\tvlan type arp counter\n\t\tarp operation request counter\n\t}\n}\n`,
    [
      arpFrame('lan0', EVERYBODY, arp(1, [A, '10.10.0.5'], [NOBODY, '10.10.0.1'])),
      raw(
        'lan0',
        `${EVERYBODY}${A}8100000a0806${Buffer.from(arp(1, [A, '10.10.0.5'], [NOBODY, '10.10.0.1'])).toString('hex')}`,
      ),
    ],
    PLAIN,
  ),
  scene(
    'a bridge answers ARP by its own address, on the port of the asker',
    `${ARP_RULES}${bridge('input; ether type arp counter', 'output; ether type arp counter')}`,
    [
      arpFrame('lan0', EVERYBODY, arp(1, [A, '10.20.0.5'], [NOBODY, '10.20.0.1'])),
      arpFrame('lan1', EVERYBODY, arp(1, [B, '10.20.0.6'], [NOBODY, '10.20.0.1'])),
    ],
  ),
];

function changedArp(offset: number, value: number): Uint8Array {
  const body = arp(1, [A, '192.168.1.5'], [NOBODY, '192.168.1.1']);
  body[offset] = value;
  return body;
}

const netdev = (
  ...chains: [hook: string, devices: string, priority: number, rules: string[], policy?: string][]
): string =>
  `table netdev d {\n${chains
    .map(
      ([hook, devices, priority, rules, policy = 'accept'], i) =>
        `\tchain c${i} { type filter hook ${hook} ${devices} priority ${priority}; policy ${policy};\n\t\t${rules.join('\n\t\t')}\n\t}\n`,
    )
    .join('')}}\n`;
const LAN0 = 'device lan0';
const lan = way('lan0');
const wan = way('wan0');
const HOST = '192.168.1.5';

const NETDEV: KernelScene[] = [
  scene(
    'ingress: what is read, in which order chains run',
    netdev(
      ['ingress', LAN0, 10, ['counter', 'meta mark 1 counter']],
      [
        'ingress',
        LAN0,
        -10,
        [
          'counter',
          'meta mark set 1',
          'udp dport 1000 drop',
          'ip saddr 192.168.1.5 counter',
          'ip6 saddr fd00:1::5 counter',
          'ether type ip counter',
          'meta iifname "lan0" counter',
          'meta oifname "lan0" counter',
          'meta pkttype host counter',
          'meta length 48 counter',
          'tcp dport 22 counter',
          'icmp type echo-request counter',
          'meta l4proto udp counter',
        ],
      ],
    ),
    [
      lan(HOST, SERVER, ask()),
      lan(HOST, SERVER, ask(1000)),
      lan(HOST, '192.168.1.1', ping),
      lan('fd00:1::5', '2001:db8:99::7', ask()),
      lan(HOST, SERVER, syn(22)),
    ],
    PLAIN,
  ),
  scene(
    'ingress of several devices, and a policy of drop',
    netdev([
      'ingress',
      'devices = { lan0, lan1 }',
      0,
      ['counter', 'iifname "lan1" counter', 'udp dport { 53, 54 } accept'],
      'drop',
    ]),
    [
      lan(HOST, SERVER, ask()),
      way('lan1')('192.168.2.5', SERVER, ask()),
      lan(HOST, SERVER, ask(55)),
      lan(HOST, '192.168.1.1', ping),
    ],
    PLAIN,
  ),
  scene(
    'ingress of a device below a VLAN device sees the tag, that of the VLAN device does not',
    netdev(
      [
        'ingress',
        LAN0,
        0,
        [
          'counter',
          'vlan id 10 counter',
          'vlan id 10 vlan pcp 3 counter',
          'ether type vlan counter',
          'ether type 8021q counter',
          'ip daddr 198.51.100.7 counter',
          'vlan id 10 udp dport 53 counter',
          'meta protocol ip counter',
        ],
      ],
      [
        'ingress',
        'device lan0.10',
        0,
        [
          'counter',
          'ether type ip counter',
          'ip daddr 198.51.100.7 counter',
          'vlan id 10 counter',
          'udp dport 77 drop',
        ],
      ],
    ),
    [
      lan(HOST, SERVER, ask()),
      way('lan0', { vlans: [{ id: 10, priority: 3 }] })('10.10.0.5', SERVER, ask()),
      way('lan0', { vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask(77)),
      way('lan0', { vlans: [{ id: 11 }] })('10.11.0.5', SERVER, ask()),
    ],
    PLAIN,
  ),
  scene(
    'dup at ingress: the copy leaves as it came, the packet goes on',
    netdev(
      [
        'ingress',
        LAN0,
        0,
        ['udp dport 53 dup to "mon0"', 'udp dport 54 dup to "mon0" drop', 'vlan id 10 dup to "mon0"'],
      ],
      ['egress', 'device mon0', 0, ['counter', 'udp dport 54 counter']],
    ),
    [lan(HOST, SERVER, ask()), lan(HOST, SERVER, ask(54)), lan(HOST, SERVER, ask(55))],
    PLAIN,
  ),
  scene(
    'dup of a tagged frame keeps the tag, which stands beside the copy at egress',
    netdev(
      ['ingress', LAN0, 0, ['vlan id 10 dup to "mon0"']],
      ['egress', 'device mon0', 0, ['counter', 'vlan id 10 counter']],
    ),
    [
      way('lan0', { vlans: [{ id: 10, priority: 2 }] })('10.10.0.5', SERVER, ask()),
      way('lan0', { vlans: [{ id: 11 }] })('10.10.0.5', SERVER, ask()),
    ],
    PLAIN,
    ['netdev d c1'],
  ),
  scene(
    'tags are written at ingress: number, protocol, and the type behind',
    netdev([
      'ingress',
      LAN0,
      0,
      [
        'vlan id 11 vlan id set 10 counter',
        'vlan id 13 ether type set 0x88a8 counter',
        'vlan id 14 vlan type set 0x0806 counter',
        'vlan id 10 counter',
      ],
    ]),
    [
      way('lan0', { vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask()),
      way('lan0', { vlans: [{ id: 11, priority: 4 }] })('10.10.0.5', SERVER, ask()),
      way('lan0', { vlans: [{ id: 12 }] })('10.10.0.5', SERVER, ask()),
      way('lan0', { vlans: [{ id: 13 }] })('10.10.0.5', SERVER, ask()),
      way('lan0', { vlans: [{ id: 14 }] })('10.10.0.5', SERVER, ask()),
    ],
    PLAIN,
  ),
  scene(
    'fwd at ingress: the frame leaves as it came, nothing else sees it',
    `${netdev(
      ['ingress', LAN0, 0, ['udp dport 53 fwd to "mon0"', 'udp dport 54 counter fwd to "lan1"', 'counter']],
      ['egress', 'device lan1', 0, ['counter']],
    )}table inet t {\n\tchain p { type filter hook prerouting priority 0; counter; }\n}\n`,
    [
      lan(HOST, SERVER, ask()),
      lan(HOST, SERVER, ask(54)),
      lan(HOST, SERVER, ask(55)),
      way('lan0', { vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask(53)),
    ],
    PLAIN,
  ),
  scene(
    'fwd to a neighbour: one hop less and its address',
    netdev([
      'ingress',
      LAN0,
      0,
      [
        'ip daddr 198.51.100.7 udp dport 53 fwd ip to 203.0.113.77 device "wan0"',
        'ip6 daddr 2001:db8:99::7 fwd ip6 to 2001:db8:2::77 device "wan0"',
        'counter',
      ],
    ]),
    [
      lan(HOST, SERVER, ask()),
      lan(HOST, SERVER, ask(), { ttl: 2 }),
      lan(HOST, SERVER, ask(), { ttl: 1 }),
      lan('fd00:1::5', '2001:db8:99::7', ask()),
      lan('fd00:1::5', '2001:db8:99::7', ask(), { ttl: 1 }),
      lan(HOST, SERVER, ask(54)),
    ],
    PLAIN,
  ),
  scene(
    'egress: what leaves by forwarding, from the router, and its policy',
    netdev([
      'egress',
      'device wan0',
      0,
      [
        'counter',
        'oifname "wan0" counter',
        'iifname "lan0" counter',
        'ip daddr 198.51.100.7 counter',
        'ether saddr 02:00:00:00:00:02 counter',
        'udp dport 1000 drop',
        'ip ttl set 33',
        'udp dport 1001 ip dscp set cs3',
        'meta mark 6 counter',
        'meta length 48 counter',
      ],
    ]),
    [
      lan(HOST, SERVER, ask()),
      lan(HOST, SERVER, ask(1000)),
      lan(HOST, SERVER, ask(1001)),
      wan(SERVER, '203.0.113.1', ping),
      wan(SERVER, '203.0.113.1', ask()),
    ],
    PLAIN,
  ),
  scene(
    'egress of a VLAN device sees no tag, that of the device below does',
    netdev(
      ['egress', 'device lan0.10', 0, ['counter', 'ether type ip counter', 'udp dport 77 drop', 'vlan id 10 counter']],
      [
        'egress',
        LAN0,
        0,
        [
          'counter',
          'ether type vlan counter',
          'vlan id 10 counter',
          'vlan id 10 udp dport 53 counter',
          'ip daddr 10.10.0.5 counter',
          'udp dport 53 counter',
          'meta protocol ip counter',
          'meta length 52 counter',
          'meta length 48 counter',
        ],
      ],
    ),
    [wan(SERVER, '10.10.0.5', ask()), wan(SERVER, '10.10.0.5', ask(77))],
    PLAIN,
    ['netdev d c1'],
  ),
  scene(
    'egress dup and fwd',
    netdev(['egress', 'device wan0', 0, ['udp dport 53 dup to "mon0"', 'udp dport 54 fwd to "lan1"', 'counter']]),
    [lan(HOST, SERVER, ask()), lan(HOST, SERVER, ask(54)), lan(HOST, SERVER, ask(55))],
    PLAIN,
  ),
  scene(
    'ingress of a bridge port and of the bridge',
    netdev(
      ['ingress', LAN0, 0, ['counter', 'udp dport 1000 drop']],
      ['ingress', 'device br0', 0, ['counter', 'udp dport 1001 drop', 'meta iifname "br0" counter']],
      ['egress', 'device br0', 0, ['counter']],
      ['egress', 'device lan1', 0, ['counter', 'iifname "lan0" counter']],
    ),
    [
      ...HELLO,
      a2b(ask()),
      a2b(ask(1000)),
      a2b(ask(1001)),
      up(ask()),
      up(ask(1000)),
      up(ask(1001)),
      at('wan0', C, WAN)(SERVER, '10.20.0.6', ask()),
    ],
  ),
  scene(
    'fields are written at ingress, before anything else reads them',
    netdev([
      'ingress',
      LAN0,
      0,
      [
        'udp dport 53 ip daddr set 198.51.100.9',
        'udp dport 54 udp dport set 1054',
        'tcp dport 22 ip saddr set 192.168.1.99',
        'ip6 hoplimit set 9',
        'ether type ip ip dscp set af11',
      ],
    ]),
    [
      lan(HOST, SERVER, ask()),
      lan(HOST, SERVER, ask(54)),
      lan(HOST, SERVER, syn(22)),
      lan('fd00:1::5', '2001:db8:99::7', ask()),
    ],
    PLAIN,
  ),
  scene(
    'sets filled and limits at ingress',
    `table netdev d {
	set talkers { type ipv4_addr; flags dynamic,timeout; timeout 1h; size 100; }
	chain i { type filter hook ingress device lan0 priority 0; policy accept;
		ip saddr != 192.168.1.5 add @talkers { ip saddr }
		limit rate over 2/second burst 3 packets counter drop
		counter
	}
}
`,
    Array.from({ length: 8 }, (_, i) => lan(`192.168.1.${5 + (i % 3)}`, SERVER, ask())),
    PLAIN,
  ),
  scene(
    'inet ingress: both families, before prerouting; other frames pass it by',
    `table inet t {
	chain i { type filter hook ingress device lan0 priority 0; policy accept;
		counter
		ip saddr 192.168.1.5 counter
		ip6 saddr fd00:1::5 counter
		udp dport 1000 drop
		meta mark set 3
		meta nfproto ipv6 counter
		vlan id 10 counter
	}
	chain p { type filter hook prerouting priority 0; policy accept;
		meta mark 3 counter
	}
}
`,
    [
      lan(HOST, SERVER, ask()),
      lan(HOST, SERVER, ask(1000)),
      lan('fd00:1::5', '2001:db8:99::7', ask()),
      lanAsks(HOST),
      way('lan0', { vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask()),
    ],
    PLAIN,
  ),
  scene(
    'inet ingress with a policy of drop drops all but ARP and its kind',
    'table inet t {\n\tchain i { type filter hook ingress device lan0 priority 0; policy drop;\n\t\tudp dport 53 accept\n\t}\n}\n',
    [lan(HOST, SERVER, ask()), lan(HOST, SERVER, ask(54)), lanAsks(HOST), raw('lan0', `ffffffffffff${A}88b500`)],
    PLAIN,
  ),
];

export const FAMILY_SCENES: KernelScene[] = [
  ...BRIDGE_SCENES,
  ...ARP.map((one) => ({ ...one, name: `arp: ${one.name}` })),
  ...NETDEV.map((one) => ({ ...one, name: `netdev: ${one.name}` })),
];
