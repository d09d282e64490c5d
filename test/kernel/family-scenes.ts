// Scenes of the bridge, arp and netdev families, and of the ingress hook of inet.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { ether, fragmentIpv4, icmp, ip, tcp, udp } from '../../src/packet/build.ts';
import { nft, padded, SERVER, type Sent, steps, talk, way } from './interface-scenes.ts';

const A = '02:aa:00:00:00:01';
const B = '02:aa:00:00:00:02';
const C = '02:aa:00:00:00:03';
const BRIDGE = '02:00:00:00:00:0b';
const WAN = '02:00:00:00:00:02';
const EVERYBODY = 'ff:ff:ff:ff:ff:ff';
const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 11 + 5) & 255);

const ROUTER = `
strictMac: true
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01" }
  - { name: lan1, mac: "02:00:00:00:00:03" }
  - { name: lan2, mac: "02:00:00:00:00:04" }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: mon0, mac: "02:00:00:00:00:05" }
  - { name: br0, type: bridge, ports: [lan0, lan1, lan2], mac: "02:00:00:00:00:0b", addresses: [10.20.0.1/24, "fd00:20::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
neighbours:
  - { dev: br0, ip: 10.20.0.5, mac: "02:aa:00:00:00:01" }
  - { dev: br0, ip: 10.20.0.6, mac: "02:aa:00:00:00:02" }
`;
/** A host of the VLAN device of a plain router. */
const PLAIN = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: lan1, mac: "02:00:00:00:00:03", addresses: [192.168.2.1/24] }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: mon0, mac: "02:00:00:00:00:05" }
  - { name: lan0.10, type: vlan, link: lan0, id: 10, mac: "02:00:00:00:00:01", addresses: [10.10.0.1/24] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
`;

interface More {
  tag?: number;
  priority?: number;
}
/** A frame from `src` to `dst` at a port, by the addresses 10.20.0.x. */
const at = (device: string, src: string, dst: string, { tag, priority = 0 }: More = {}) =>
  way(device, { src, dst, ...(tag === undefined ? {} : { vlans: [{ id: tag, priority }] }) });
const ask = (dport = 53, length = 20) => udp({ sport: 5000, dport }, payload(length));
const ping = icmp(8, 0, 0x00010001, payload(20));
const syn = (dport: number) => tcp({ sport: 40000, dport, flags: 'S', seq: 1, window: 64000 });
const HELLO: Sent[] = [
  at('lan0', A, EVERYBODY)('10.20.0.5', '10.20.0.255', ask(9)),
  at('lan1', B, EVERYBODY)('10.20.0.6', '10.20.0.255', ask(9)),
];
const a2b = (layer4: Parameters<typeof ip>[1], fields = {}, more: More = {}) =>
  at('lan0', A, B, more)('10.20.0.5', '10.20.0.6', layer4, fields);
const b2a = (layer4: Parameters<typeof ip>[1], fields = {}, more: More = {}) =>
  at('lan1', B, A, more)('10.20.0.6', '10.20.0.5', layer4, fields);
const up = (layer4: Parameters<typeof ip>[1], fields = {}) =>
  at('lan0', A, BRIDGE)('10.20.0.5', SERVER, layer4, fields);
const down = (layer4: Parameters<typeof ip>[1], fields = {}) => at('wan0', C, WAN)(SERVER, '10.20.0.5', layer4, fields);

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/[\s:]/g, ''), 'hex'));
/** ARP: operation 1 asks, 2 answers. */
export function arp(operation: number, from: [mac: string, ip: string], to: [mac: string, ip: string]): Uint8Array {
  const address = (text: string): string =>
    text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('');
  return hex(`0001 0800 06 04 000${operation} ${from[0]} ${address(from[1])} ${to[0]} ${address(to[1])}`);
}
const arpFrame = (device: string, dst: string, body: Uint8Array): Sent => [
  device,
  padded(hex(`${dst}${Buffer.from(body.subarray(8, 14)).toString('hex')}0806${Buffer.from(body).toString('hex')}`)),
];
const NOBODY = '00:00:00:00:00:00';
const raw = (device: string, text: string): Sent => [device, padded(hex(text))];

const scene = (
  name: string,
  ruleset: string,
  frames: Sent[],
  router = ROUTER,
  untraced: string[] = [],
): KernelScene => ({
  name,
  router,
  ruleset: nft(ruleset),
  frames: steps(frames),
  ...(untraced.length === 0 ? {} : { untraced }),
});
const bridge = (...chains: string[]): string =>
  `table bridge b {\n${chains
    .map((text, i) => {
      const [head = '', ...lines] = text.split('; ');
      const [hook = '', priority = '0', policy = 'accept'] = head.split(' ');
      return `\tchain ${hook}${i} { type filter hook ${hook} priority ${priority}; policy ${policy};\n\t\t${lines.join('\n\t\t')}\n\t}\n`;
    })
    .join('')}}\n`;

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
  ...BRIDGES.map((one) => ({ ...one, name: `bridge: ${one.name}` })),
  ...VLAN_FILTERS.map((one) => ({ ...one, name: `bridge VLANs: ${one.name}` })),
  ...BRIDGE_CONNECTIONS.map((one) => ({ ...one, name: `bridge conntrack: ${one.name}` })),
  ...ARP.map((one) => ({ ...one, name: `arp: ${one.name}` })),
  ...NETDEV.map((one) => ({ ...one, name: `netdev: ${one.name}` })),
];
