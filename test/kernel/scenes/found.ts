// What real captures through real rulesets showed first, as scenes of our own.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, icmpv6, ip, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import { bytes, type Row, TcpTalk } from '../selftests/talk.ts';

const LAN = '192.168.1.10';
const EVERY_HOOK = `table inet t {
	chain p {
		type filter hook prerouting priority 0; policy accept;
		ct state new counter
	}
	chain i {
		type filter hook input priority 0; policy accept;
		meta pkttype multicast counter
		counter
	}
	chain f {
		type filter hook forward priority 0; policy accept;
		counter
	}
}`;

/** An IGMP message with the router alert that hosts give it. */
function igmp(src: string, dst: string, type: number, hasAlert = true): Row {
  const message = new Uint8Array(8);
  message[0] = type;
  message[2] = ~type & 0xff;
  message[3] = 0xff;
  const options = hasAlert ? { options: Uint8Array.of(0x94, 4, 0, 0) } : {};
  return [
    'lan0',
    ether({ dst: '01:00:5e:00:00:01' }, ip({ src, dst, ttl: 1, ...options }, { protocol: 2, bytes: message })),
  ];
}
const multicast = (src: string, dst: string): Row => [
  'lan0',
  ether({ dst: '01:00:5e:00:00:01' }, ip({ src, dst, ttl: 4 }, udp({ sport: 5353, dport: 5353 }, bytes(20)))),
];

function scene(
  name: string,
  rows: Row[],
  sysctl: Record<string, number> = {},
  ruleset: string = EVERY_HOOK,
): KernelScene {
  return {
    name,
    ruleset,
    router: JSON.stringify({ ...TOPOLOGY, sysctl }),
    frames: rows.map(([device, octets], i) => ({ device, octets, timeNs: i * 20e6 })),
  };
}

const groups: Row[] = [
  igmp(LAN, '224.0.0.1', 0x11),
  igmp(LAN, '224.0.0.1', 0x11, false),
  igmp(LAN, '224.0.0.22', 0x22),
  igmp(LAN, '224.0.0.2', 0x17),
  igmp(LAN, '239.255.255.250', 0x16),
  multicast(LAN, '224.0.0.1'),
  multicast(LAN, '224.0.0.251'),
  multicast(LAN, '239.255.255.250'),
];
const sources: Row[] = [
  '0.0.0.0',
  '0.1.2.3',
  '127.0.0.1',
  '192.168.1.1',
  '203.0.113.1',
  '203.0.113.9',
  '192.168.1.255',
  '8.8.8.8',
].flatMap((src): Row[] => [multicast(src, '224.0.0.1'), igmp(src, '224.0.0.1', 0x11)]);

const HELPERS = ['irc', 'netbios-ns', 'pptp', 'sane', 'snmp', 'tftp', 'ftp'];
const DATAGRAMS = ['netbios-ns', 'snmp', 'tftp'];
/** Ports 7001 and on, a helper each. */
const ASSIGNED = `table inet t {
${HELPERS.map((name) => `	ct helper ${name} {\n		type "${name}" protocol ${DATAGRAMS.includes(name) ? 'udp' : 'tcp'};\n	}`).join('\n')}
	chain p {
		type filter hook prerouting priority 0; policy accept;
${HELPERS.map((name, i) => `		th dport ${7001 + i} ct helper set "${name}" counter`).join('\n')}
	}
}`;
const helped: Row[] = HELPERS.flatMap((name, i) =>
  [
    [LAN, '198.51.100.7'],
    ['fd00:1::10', '2001:db8:99::7'],
  ].flatMap(([src = '', dst = '']): Row[] => {
    const [sport, dport] = [40_000, 7001 + i];
    return DATAGRAMS.includes(name)
      ? [['lan0', ether({}, ip({ src, dst }, udp({ sport, dport }, bytes(4))))]]
      : new TcpTalk({ device: 'lan0', ip: src, port: sport }, { device: 'wan0', ip: dst, port: dport }).open();
  }),
);

/** An echo request behind many headers: `kinds` are next headers, eight octets each. */
function chained(src: string, dst: string, kinds: number[]): Row {
  const headers = kinds.map((_, i) => Uint8Array.of(kinds[i + 1] ?? 58, 0, 0, 0, 1, 2, 0, 0));
  const whole = ip({ src, dst }, icmpv6(128, 0, 0x00070001, bytes(8)));
  const length = headers.length * 8;
  const datagram = new Uint8Array(whole.length + length);
  datagram.set(whole.subarray(0, 40));
  headers.forEach((header, i) => {
    datagram.set(header, 40 + 8 * i);
  });
  datagram.set(whole.subarray(40), 40 + length);
  datagram[4] = (whole.length - 40 + length) >>> 8;
  datagram[5] = (whole.length - 40 + length) & 255;
  datagram[6] = kinds[0] ?? 58;
  return ['lan0', ether({}, datagram)];
}
const FRAGMENT = 44;
const DESTINATION = 60;
const many = (kind: number, count: number): number[] => Array.from({ length: count }, () => kind);
const chains = (kindsOf: number[][]): Row[] =>
  ['fd00:1::1', '2001:db8:99::7'].flatMap((dst) => kindsOf.map((kinds) => chained('fd00:1::10', dst, kinds)));
const CHAINS: number[][] = [
  [FRAGMENT],
  [FRAGMENT, FRAGMENT],
  [DESTINATION, FRAGMENT, FRAGMENT],
  [FRAGMENT, DESTINATION, FRAGMENT],
  many(FRAGMENT, 30),
  many(DESTINATION, 15),
  many(DESTINATION, 40),
  [...many(DESTINATION, 20), FRAGMENT, FRAGMENT],
];
const ECHOES = `table inet t {
	chain i {
		type filter hook input priority 0; policy accept;
		meta l4proto icmpv6 counter
		icmpv6 type echo-request counter
		exthdr frag exists counter
	}
	chain f {
		type filter hook forward priority 0; policy accept;
		meta l4proto icmpv6 counter
		icmpv6 type echo-request counter
		exthdr frag exists counter
	}
}`;

export const FOUND_SCENES: KernelScene[] = [
  scene('multicast: of the groups only that of all hosts is the router in, IGMP is no exception', groups),
  scene('multicast: sources that are the router itself, loopback or a broadcast are martians, zero is not', sources),
  scene('multicast: the reverse path filter asks for sources of multicast too', sources, {
    'net.ipv4.conf.all.rp_filter': 1,
  }),
  scene('multicast: accept_local and route_localnet', sources, {
    'net.ipv4.conf.lan0.accept_local': 1,
    'net.ipv4.conf.lan0.route_localnet': 1,
  }),
  scene('IPv6: however many headers there are, a second fragment header is a problem', chains(CHAINS), {}, ECHOES),
  scene(
    'IPv6: however many headers there are, where conntrack looks first',
    // Behind other headers the kernel loses its place in what conntrack put together (docs/FIDELITY.md).
    chains(CHAINS.filter((kinds) => kinds[0] === FRAGMENT || !kinds.includes(FRAGMENT))),
    {},
    `${ECHOES}\ntable inet c {\n\tchain f {\n\t\ttype filter hook forward priority 10; policy accept;\n\t\tct state new counter\n\t}\n}`,
  ),
  scene('helpers: those for IPv4 alone are listed so and are none of connections over IPv6', helped, {}, ASSIGNED),
];
