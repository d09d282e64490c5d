// Scenes of policy routing: marks, sources, tables, refusals, and the second lookup of a route chain.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, icmp, ip, tcp, udp } from '../../../src/packet/build.ts';

const ROUTER = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: wan1, mac: "02:00:00:00:00:03", addresses: [198.18.0.1/24, "2001:db8:3::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
  - { dst: 0.0.0.0/0, via: 198.18.0.254, dev: wan1, table: 100 }
  - { dst: "::/0", via: "2001:db8:3::fe", dev: wan1, table: 100 }
  - { dst: 10.1.0.0/16, type: throw, table: 100 }
  - { dst: 10.2.0.0/16, type: unreachable, table: 100 }
  - { dst: 10.3.0.0/16, type: prohibit, table: 100 }
  - { dst: 10.4.0.0/16, type: blackhole, table: 100 }
`;

const LAN = '192.168.1.10';
const LAN6 = 'fd00:1::10';
const payload = Uint8Array.from({ length: 12 }, (_, i) => i);

const UDP = (dst: string, dport = 53, src = LAN, tos = 0): [string, Uint8Array] => [
  'lan0',
  ether({}, ip({ src, dst, id: 7, tos }, udp({ sport: 5000, dport }, payload))),
];
const SYN = (dst: string, dport: number): [string, Uint8Array] => [
  'lan0',
  ether({}, ip({ src: LAN, dst, id: 8 }, tcp({ sport: 40000, dport, seq: 1, flags: 'S' }))),
];
const PING = (iface: string, src: string, dst: string): [string, Uint8Array] => [
  iface,
  ether({}, ip({ src, dst, id: 9 }, icmp(8, 0, 0x00010001, payload))),
];

const EVERYWHERE = [
  UDP('8.8.8.8'),
  UDP('10.1.0.1'),
  UDP('10.2.0.1'),
  UDP('10.3.0.1'),
  UDP('10.4.0.1'),
  UDP('192.168.1.1'),
];
const FORWARD = 'table inet t { chain f { type filter hook forward priority 0; counter; } }';
const MARKED = `table inet t {
	chain p { type filter hook prerouting priority -150; udp dport 53 meta mark set 1; tcp dport 443 meta mark set 0x12 }
	chain f { type filter hook forward priority 0; oifname "wan1" counter; }
}`;

function scene(name: string, rules: string, ruleset: string, frames: [string, Uint8Array][]): KernelScene {
  return {
    name: `routing: ${name}`,
    // nft 1.0.6 wants a line end before the brace.
    ruleset: ruleset.replaceAll(/(?<!wan1) }/g, '\n}'),
    router: `${ROUTER}${rules === '' ? '' : `rules: ${rules}\n`}`,
    frames: frames.map(([device, octets], i) => ({ device, octets, timeNs: i * 20e6 })),
  };
}

export const ROUTING_SCENES: KernelScene[] = [
  scene('a mark chooses the table', '[{ priority: 10, fwmark: 1, table: 100 }]', MARKED, [
    ...EVERYWHERE,
    UDP('8.8.8.8', 54),
    SYN('8.8.8.8', 443),
  ]),
  scene('a masked mark chooses the table', '[{ priority: 10, fwmark: 0x10/0xf0, table: 100 }]', MARKED, [
    UDP('8.8.8.8'),
    SYN('8.8.8.8', 443),
  ]),
  scene('IPv6 marks choose the table', '[{ priority: 10, fwmark: 1, family: ip6, table: 100 }]', MARKED, [
    UDP('2001:db8:99::7', 53, LAN6),
    UDP('2001:db8:99::7', 54, LAN6),
  ]),
  scene('a source chooses the table', '[{ priority: 10, from: 192.168.1.8/29, table: 100 }]', FORWARD, [
    ...EVERYWHERE,
    UDP('8.8.8.8', 53, '192.168.1.20'),
  ]),
  scene('an interface chooses the table', '[{ priority: 10, iif: lan0, table: 100 }]', FORWARD, EVERYWHERE),
  scene(
    'a protocol and ports choose the table',
    '[{ priority: 10, ipproto: udp, dport: 50-60, table: 100 }]',
    FORWARD,
    [UDP('8.8.8.8', 53), UDP('8.8.8.8', 61), SYN('8.8.8.8', 53)],
  ),
  scene('a TOS chooses the table', '[{ priority: 10, tos: 0x10, table: 100 }]', FORWARD, [
    UDP('8.8.8.8', 53, LAN, 0x10),
    UDP('8.8.8.8', 53, LAN, 0x30),
    UDP('8.8.8.8', 53, LAN, 0x12),
    UDP('8.8.8.8', 53, LAN, 0),
  ]),
  scene('not', '[{ priority: 10, not: true, to: 10.0.0.0/8, table: 100 }]', FORWARD, EVERYWHERE),
  scene(
    'goto and nop',
    '[{ priority: 10, goto: 30 }, { priority: 20, action: prohibit }, { priority: 30, action: nop }]',
    FORWARD,
    EVERYWHERE,
  ),
  scene(
    'a rule that refuses: unreachable',
    '[{ priority: 10, to: 8.0.0.0/8, action: unreachable }]',
    FORWARD,
    EVERYWHERE,
  ),
  scene('a rule that refuses: prohibit', '[{ priority: 10, to: 8.0.0.0/8, action: prohibit }]', FORWARD, EVERYWHERE),
  scene('a rule that refuses: blackhole', '[{ priority: 10, to: 8.0.0.0/8, action: blackhole }]', FORWARD, EVERYWHERE),
  scene(
    'short prefixes are suppressed',
    '[{ priority: 10, table: 100, suppress_prefixlength: 0 }]',
    FORWARD,
    EVERYWHERE,
  ),
  scene(
    'a route chain has the routers own answers looked up again',
    '[{ priority: 10, fwmark: 5, table: 100 }]',
    `table inet t {
	chain o { type route hook output priority -150; icmp type echo-reply meta mark set 5 counter }
	chain post { type filter hook postrouting priority 0; oifname "wan1" counter; }
}`,
    [
      PING('wan0', '203.0.113.77', '203.0.113.1'),
      PING('wan0', '8.8.8.8', '203.0.113.1'),
      PING('lan0', LAN, '192.168.1.1'),
    ],
  ),
  scene(
    'fib of a marked packet sees the rules, of an unmarked one not',
    '[{ priority: 10, fwmark: 1, table: 100 }]',
    `table inet t {
	chain p { type filter hook prerouting priority -150; meta mark set 1
		fib daddr oifname "wan1" counter
		fib daddr . mark oifname "wan1" counter
		fib saddr . iif oif missing counter
	}
}`,
    EVERYWHERE,
  ),
  scene(
    'masquerade follows the way that the mark chose',
    '[{ priority: 10, fwmark: 1, table: 100 }]',
    `table inet t {
	chain p { type filter hook prerouting priority -150; udp dport 53 meta mark set 1 }
	chain n { type nat hook postrouting priority 100; masquerade }
}`,
    [UDP('8.8.8.8'), UDP('8.8.8.8', 54)],
  ),
  scene(
    'an offloaded flow keeps the way that the mark chose',
    '[{ priority: 10, fwmark: 1, table: 100 }]',
    `table inet t {
	flowtable ft { hook ingress priority 0; devices = { lan0, wan0, wan1 }; counter; }
	chain p { type filter hook prerouting priority -150; udp dport 53 meta mark set 1; ct mark set meta mark }
	chain f { type filter hook forward priority 0; meta l4proto udp flow add @ft; counter }
}`,
    [
      UDP('8.8.8.8'),
      ['wan1', ether({}, ip({ src: '8.8.8.8', dst: LAN, id: 3 }, udp({ sport: 53, dport: 5000 }, payload)))],
      UDP('8.8.8.8'),
      ['wan1', ether({}, ip({ src: '8.8.8.8', dst: LAN, id: 4 }, udp({ sport: 53, dport: 5000 }, payload)))],
      UDP('8.8.8.8'),
    ],
  ),
  scene(
    'the reverse path filter asks the rules',
    '[{ priority: 10, from: 8.8.8.8, table: 100 }, { priority: 11, to: 9.9.9.9, table: 100 }]',
    FORWARD,
    [
      ['wan0', ether({}, ip({ src: '9.9.9.9', dst: LAN, id: 3 }, udp({ sport: 53, dport: 5000 }, payload)))],
      ['wan1', ether({}, ip({ src: '9.9.9.9', dst: LAN, id: 3 }, udp({ sport: 53, dport: 5000 }, payload)))],
      ['wan0', ether({}, ip({ src: '203.0.113.1', dst: LAN, id: 3 }, udp({ sport: 53, dport: 5000 }, payload)))],
      ['wan0', ether({}, ip({ src: '203.0.113.255', dst: LAN, id: 3 }, udp({ sport: 53, dport: 5000 }, payload)))],
    ],
  ),
];
for (const one of ROUTING_SCENES.filter((row) => row.name.includes('reverse path'))) {
  ROUTING_SCENES.push({
    ...one,
    name: `${one.name}, strictly`,
    router: `${one.router}sysctl: { net.ipv4.conf.all.rp_filter: 1 }\n`,
  });
}
